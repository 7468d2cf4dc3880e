import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../shared/project';
import { RETIRED_IDENTIFIERS, RETIRED_PHRASES } from '../../structure/retired';

const root = projectRoot();
/** Files that are not scanned: the lists of retired names, historical documents, and generated files. */
const EXEMPT =
  /^(CHANGELOG\.md|package-lock\.json|\.github\/(STYLE_GUIDE\.md|decisions\/.*)|test\/structure\/retired\.ts)$/;
const TEXT = /\.(ts|tsx|js|json|md|ya?ml|toml|sh|py|css|lua|example)$|Dockerfile$|^\.ci\/run$/;

const texts = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root })
  .toString()
  .split('\n')
  .filter((file) => TEXT.test(file) && !EXEMPT.test(file))
  .flatMap((file) => {
    try {
      return [{ file, lines: readFileSync(join(root, file), 'utf8').split('\n') }];
    } catch {
      // Git still lists this file, but the working tree no longer contains it.
      return [];
    }
  });

function linesWith(pattern: RegExp): string[] {
  return texts.flatMap(({ file, lines }) =>
    lines.flatMap((line, n) => (pattern.test(line) ? [`${file}:${n + 1}: ${line.trim()}`] : [])),
  );
}

describe('the repository', () => {
  it('has more than 500 text files, all of which are scanned', () => {
    expect(texts.length).toBeGreaterThan(500);
  });

  it('contains no retired identifiers', () => {
    expect(linesWith(new RegExp(`\\b(?:${RETIRED_IDENTIFIERS.join('|')})\\b`))).toEqual([]);
  });

  it.each(RETIRED_PHRASES.map((pattern) => [pattern]))('contains no text that matches %s', (pattern) => {
    expect(linesWith(pattern)).toEqual([]);
  });
});
