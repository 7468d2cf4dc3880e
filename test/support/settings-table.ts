import { SETTINGS } from '../../shared/config/settings';

/** The README's table of settings, made from the code. Print it with `node dist/test/support/settings-table.js`. */
export function settingsTable(): string {
  const rows = Object.entries(SETTINGS).map(([name, { schema, meaning }]) => {
    const parsed = schema.safeParse(undefined);
    const value = parsed.success && parsed.data !== undefined ? `\`${String(parsed.data)}\`` : '';
    return `| \`${name}\` | ${value} | ${meaning.replaceAll('|', '\\|')} |`;
  });
  return ['| setting | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

// oxlint-disable-next-line no-console -- a tool's output
if (require.main === module) console.log(settingsTable());
