import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { settingsTable } from '../../support/settings-table';

const readme = readFileSync(path.join(__dirname, '../../../README.md'), 'utf8');
const { scripts } = JSON.parse(readFileSync(path.join(__dirname, '../../../package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

describe('README.md', () => {
  it("the README's table of settings is the settings that the code reads", () => {
    const [, table] = /<!-- settings -->\n([^]*?)\n<!-- \/settings -->/.exec(readme) ?? [];
    expect(table?.trim()).toBe(settingsTable());
  });

  it('every npm command that the README names exists', () => {
    const named = [...readme.matchAll(/npm (?:run )?(start:api|start:worker|[a-z]+(?::[a-z]+)?)/g)].map(
      ([, name]) => name!,
    );
    const own = named.filter((name) => !['ci', 'install', 'run'].includes(name));
    expect(own.length).toBeGreaterThan(5);
    expect(own.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('every path that the README links exists', () => {
    const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link]) => link!);
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter((link) => !existsSync(path.join(__dirname, '../../..', link)))).toEqual([]);
  });
});
