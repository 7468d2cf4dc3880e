import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../shared/project';

const read = (file: string): string => readFileSync(path.join(projectRoot(), file), 'utf8');

/** A row of a table of risks. */
interface Row {
  risk: string;
  measures: string;
  tests: { file: string; name: string }[];
}

/** Returns the rows of the table below a heading. */
function rowsOf(text: string, heading: string): Row[] {
  const section = text.slice(text.indexOf(`\n### ${heading}\n`)).split(/\n#+ /)[1]!;
  const lines = section.split('\n').filter((line) => /^\| (API|ASI)\d/.test(line));
  return lines.map((line) => {
    const [risk, measures, tests] = line.slice(1, -1).split(' | ') as [string, string, string];
    return { risk: risk.trim(), measures, tests: tests.split('<br>').map(citation) };
  });
}

function citation(text: string): { file: string; name: string } {
  const [, file = '', name = ''] = /^`(test\/[\w/.-]+\.test\.ts)` › (.+?)\s*$/.exec(text) ?? [];
  return { file, name };
}

/** Returns whether a file contains a test with this name, in any kind of quotes. */
function hasTest({ file, name }: { file: string; name: string }): boolean {
  const source = read(file);
  const escaped = name.replaceAll("'", String.raw`\'`);
  return [`'${name}'`, `'${escaped}'`, `"${name}"`, `\`${name}\``].some((quoted) => source.includes(quoted));
}

const SECURITY = read('.github/SECURITY.md');

describe('SECURITY.md', () => {
  it.each<[string, string[]]>([
    ['OWASP API Security Top 10 2023', Array.from({ length: 10 }, (_, n) => `API${n + 1}:2023`)],
    [
      'OWASP Top 10 for Agentic Applications 2026',
      Array.from({ length: 10 }, (_, n) => `ASI${String(n + 1).padStart(2, '0')}`),
    ],
  ])('has a line for every risk of the %s, and each names tests that exist', (heading, ids) => {
    const rows = rowsOf(SECURITY, heading);
    expect(rows.map(({ risk }) => risk.split(' ')[0])).toEqual(ids);
    for (const { measures, tests } of rows) {
      expect(measures.length).toBeGreaterThan(50);
      expect(tests.length).toBeGreaterThan(0);
      expect(tests.filter((test) => test.file === '' || !hasTest(test))).toEqual([]);
    }
  });

  it('detects a test that does not exist', () => {
    expect(hasTest({ file: 'test/unit/docs/security.test.ts', name: 'detects a test that does not exist' })).toBe(true);
    // Assembled, because this file would otherwise contain the name in quotes.
    expect(hasTest({ file: 'test/unit/docs/security.test.ts', name: ['no', 'such', 'test'].join(' ') })).toBe(false);
    expect(citation('`test/unit/docs/security.test.ts`, without a name').file).toBe('');
  });

  it('says how to report a vulnerability', () => {
    expect(SECURITY).toMatch(/## Reporting a vulnerability\n\n\S.*privately/);
  });
});
