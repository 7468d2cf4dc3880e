import { execFileSync } from 'node:child_process';
import os from 'node:os';
import Table from 'cli-table3';
import { projectRoot } from '../../shared/project';
import { type Figure, type Limit, median, type Result, resultOf } from './result';

/** The `--json` output of a benchmark. */
export interface BenchReport {
  bench: string;
  finishedAt: string;
  machine: { cpu: string; cores: number; memoryGiB: number; system: string };
  node: string;
  stores: { mongo: string; redis: string };
  /** Abbreviated commit, with `-dirty` if the working tree has changes. */
  commit: string;
  options: Record<string, unknown>;
  results: Result[];
}

/** Collects a benchmark's figures. Progress goes to stderr, because stdout belongs to the table or the JSON document. */
export interface Reporter {
  add(this: void, figure: Figure): void;
  progress(this: void, line: string): void;
  results(this: void): Result[];
}

export function createReporter(): Reporter {
  const results: Result[] = [];
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  return {
    add: (figure) => {
      const result = resultOf(figure);
      results.push(result);
      progress(`${result.name}: ${formatValue(result.median, result.unit)} [${formatSpread(result)}]`);
    },
    progress,
    results: () => results,
  };
}

/** Returns the commit of the working tree, or `unknown` outside a Git checkout. */
function commitOf(): string {
  try {
    const args = ['describe', '--always', '--dirty', '--exclude=*'];
    return execFileSync('git', args, {
      cwd: projectRoot(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

/** Builds the report of a finished run on this machine. */
export function benchReport(run: Pick<BenchReport, 'bench' | 'stores' | 'options' | 'results'>): BenchReport {
  const cpus = os.cpus();
  return {
    bench: run.bench,
    finishedAt: new Date().toISOString(),
    machine: {
      cpu: cpus[0]?.model.trim() ?? 'unknown',
      cores: cpus.length,
      memoryGiB: Math.round(os.totalmem() / 1024 ** 3),
      system: `${os.type()} ${os.release()} ${os.arch()}`,
    },
    node: process.version,
    stores: run.stores,
    commit: commitOf(),
    options: run.options,
    results: run.results,
  };
}

const number = (value: number): string => {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
};

function formatValue(value: number, unit: string): string {
  return unit === 'ratio' ? value.toFixed(2) : `${number(value)} ${unit}`;
}

function formatSpread({ min, max, unit }: Result): string {
  return unit === 'ratio' ? `${min.toFixed(2)}–${max.toFixed(2)}` : `${number(min)}–${number(max)}`;
}

const formatLimit = (limit: Limit | null, unit: string): string =>
  limit === null ? '–' : `${limit.kind} ${formatValue(limit.value, unit)}`;
const formatGoal = (limit: Limit | null, unit: string): string =>
  limit === null || limit.goal === null ? '–' : formatValue(limit.goal, unit);
const formatVerdict = ({ pass, goalMet }: Result): string =>
  pass === null ? '–' : pass ? (goalMet === true ? 'yes, goal met' : 'yes') : 'NO';
const formatSides = ({ sides }: Result): string =>
  sides.map(({ name, unit, values }) => `${name} ${number(median(values))} ${unit}`).join(', ');

const COLUMNS = ['figure', 'median', 'spread', 'limit', 'goal', 'pass'] as const;

/** Returns a result's cells in the order of `COLUMNS`. The sides of a ratio follow its name after `separator`. */
function cellsOf(result: Result, separator: string): string[] {
  const { name, unit, limit } = result;
  return [
    result.sides.length > 0 ? `${name}${separator}${formatSides(result)}` : name,
    formatValue(result.median, unit),
    formatSpread(result),
    formatLimit(limit, unit),
    formatGoal(limit, unit),
    formatVerdict(result),
  ];
}

const conditions = ({ machine, node, stores, commit, options }: BenchReport): string => {
  const settings = Object.entries(options).map(([name, value]) => `${name} ${String(value)}`);
  return (
    `${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, ${machine.system}, Node ${node}; ` +
    `${stores.mongo}; ${stores.redis}; commit ${commit}; ${settings.join(', ')}`
  );
};

/** Formats a report for a terminal. */
export function reportTable(report: BenchReport): string {
  const table = new Table({
    head: [...COLUMNS],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [] },
  });
  for (const result of report.results) table.push(cellsOf(result, '\n  '));
  return `${table.toString()}\n${conditions(report)}`;
}

/** Formats a report as a Markdown section. */
export function reportMarkdown(report: BenchReport): string {
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    `### ${report.bench}`,
    '',
    `Measured on ${report.finishedAt.slice(0, 10)}: ${conditions(report)}.`,
    '',
    row(COLUMNS),
    '|---|--:|--:|--:|--:|---|',
    ...report.results.map((result) => row(cellsOf(result, '<br>'))),
  ].join('\n');
}
