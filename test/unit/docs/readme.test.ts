import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { documentedSettings, settingsTable } from '../../../deploy/docs/settings-table';
import { projectRoot } from '../../../shared/project';

const MAX_README_WORDS = 1_300;
const root = projectRoot();
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const markdownIn = (folder: string): string[] =>
  readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join(folder, name));

/** Documents for contributors and operators. The Partner Guide has its own tests. */
const DOCUMENTS = [
  '.',
  '.github',
  '.github/decisions',
  'deploy/docs',
  'api',
  'workers',
  'shared',
  'deploy',
  'test',
].flatMap(markdownIn);

describe('README.md', () => {
  it(`README.md has at most ${MAX_README_WORDS} words`, () => {
    expect(read('README.md').split(/\s+/).length).toBeLessThanOrEqual(MAX_README_WORDS);
  });
});

describe('deploy/docs/settings.md', () => {
  it('lists exactly the settings that the code reads (`npm run docs:settings` updates the file)', () => {
    expect(documentedSettings()).toBe(settingsTable());
  });
});

describe('Markdown documents', () => {
  it('mentions only npm scripts that exist', () => {
    // The changelog may mention removed scripts.
    const named = DOCUMENTS.filter((file) => file !== 'CHANGELOG.md').flatMap((file) =>
      [...read(file).matchAll(/npm run (?:--silent )?([a-z]+(?::[a-z]+)?)/g)].map(([, name]) => `${file}: ${name}`),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((one) => !Object.hasOwn(scripts, one.split(': ')[1]!))).toEqual([]);
  });

  it('contains only relative links to files that exist', () => {
    const links = DOCUMENTS.flatMap((file) =>
      [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link]) => [file, link!] as const),
    );
    expect(links.length).toBeGreaterThan(30);
    expect(links.filter(([file, link]) => !existsSync(path.join(root, path.dirname(file), link)))).toEqual([]);
  });
});
