import { Command, InvalidArgumentError } from 'commander';

interface Setting {
  default: number | string;
  meaning: string;
}
type SettingValues<Settings extends Record<string, Setting>> = {
  [Name in keyof Settings]: Settings[Name]['default'] extends number ? number : string;
};

/** The command-line options of a benchmark. */
export type BenchOptions<Settings extends Record<string, Setting>> = SettingValues<Settings> & {
  /** Figures to measure. */
  selected: ReadonlySet<string>;
  json: boolean;
};

function readNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError('It must be a number that is not negative.');
  }
  return value;
}

const kebabCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/**
 * Reads a benchmark's options from the command line: `--only` and `--json`, which every benchmark has, and its own.
 * Prints help and exits on `--help` or an invalid option.
 */
export function readOptions<const Settings extends Record<string, Setting>>(
  { name, summary, figures }: { name: string; summary: string; figures: readonly string[] },
  settings: Settings,
  argv: readonly string[] = process.argv,
): BenchOptions<Settings> {
  const all = figures.join(',');
  const readFigures = (text: string): string => {
    const unknown = text.split(',').filter((one) => !figures.includes(one));
    if (unknown.length > 0) throw new InvalidArgumentError(`Choose from ${all}.`);
    return text;
  };
  const command = new Command(`npm run --silent ${name} --`)
    .description(`${summary} Exits with status 1 if a figure misses its limit.`)
    .option('--json', 'print one JSON document instead of the table', false);
  if (figures.length > 1) command.option('--only <figures>', 'measure only these figures', readFigures, all);
  for (const [setting, { default: value, meaning }] of Object.entries(settings)) {
    const flags = `--${kebabCase(setting)} <value>`;
    if (typeof value === 'number') command.option(flags, meaning, readNumber, value);
    else command.option(flags, meaning, value);
  }
  command.parse(argv);
  const { only = all, json, ...values } = command.opts<{ only?: string; json: boolean } & SettingValues<Settings>>();
  return { ...values, selected: new Set(only.split(',').filter((one) => one !== '')), json } as BenchOptions<Settings>;
}
