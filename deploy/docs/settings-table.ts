import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS } from '../../shared/config/settings';
import { projectRoot } from '../../shared/project';

const FILE = 'deploy/docs/settings.md';
const TABLE = /(?<=<!-- settings -->\n)[^]*?(?=\n<!-- \/settings -->)/;

/** Returns the settings as a Markdown table, in the order in which the code defines them. */
export function settingsTable(): string {
  const rows = Object.entries(SETTINGS).map(([name, { schema, meaning }]) => {
    const parsed = schema.safeParse(undefined);
    const value = parsed.success && parsed.data !== undefined ? `\`${String(parsed.data)}\`` : '';
    return `| \`${name}\` | ${value} | ${meaning.replaceAll('|', '\\|')} |`;
  });
  return ['| setting | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

/** Returns the current table in settings.md. */
export function documentedSettings(): string | undefined {
  return TABLE.exec(readFileSync(join(projectRoot(), FILE), 'utf8'))?.[0];
}

// `npm run docs:settings` runs this file.
if (require.main === module) {
  const file = join(projectRoot(), FILE);
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(TABLE, () => settingsTable()),
  );
}
