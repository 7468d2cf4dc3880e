import type { BenchReport } from '../report';

/** Events per second, or resolves per second, for which needs are calculated. */
const RATES = [10_000, 100_000, 1_000_000];
/** Part of a core that may be busy on average, so that bursts and failures find the rest. */
const TARGET_UTILIZATION = 0.6;
const MILLION = 1_000_000;

/** What a million events or resolves cost. Null if the server did not report it. */
interface Costs {
  size: number;
  rate: number;
  api: number;
  workers: number;
  redis: number;
  mongo: number | null;
  machine: number;
  commands: number;
  megabytes: number | null;
}

type Kind = 'events' | 'resolve';
const UNITS: Record<Kind, string> = { events: 'events', resolve: 'resolves' };

/** Returns the costs per number of processes, in the order of the report. Throws if the report lacks a figure. */
export function costsOf({ results }: Pick<BenchReport, 'results'>, kind: Kind): Costs[] {
  const valueOf = (id: string): number | null => results.find((result) => result.id === id)?.median ?? null;
  const required = (id: string): number => {
    const value = valueOf(id);
    if (value === null) throw new Error(`the report has no figure ${id}; run bench:layout without --only`);
    return value;
  };
  const sizes = results.flatMap(({ id }) => new RegExp(`^${kind}-(\\d+)-rate$`).exec(id)?.[1] ?? []).map(Number);
  return sizes.map((size) => {
    const prefix = `${kind}-${size}`;
    return {
      size,
      rate: required(`${prefix}-rate`),
      api: required(`${prefix}-cpu-of-the-api-per-million`),
      workers: required(`${prefix}-cpu-of-workers-per-million`),
      redis: required(`${prefix}-cpu-of-redis-per-million`),
      mongo: valueOf(`${prefix}-cpu-of-mongodb-per-million`),
      machine: required(`${prefix}-cpu-of-this-machine-per-million`),
      commands: required(`${prefix}-redis-commands-per-million`),
      megabytes: valueOf(`${prefix}-mongodb-bytes-per-million`),
    };
  });
}

const digits = (value: number): number => (value >= 10 ? 0 : 1);
const text = (value: number | null): string =>
  value === null ? '–' : value.toLocaleString('en', { maximumFractionDigits: digits(value) });

/** Renders a Markdown table. */
function markdown(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/**
 * Returns the rate that the smallest layout's costs predict if all cores are busy: the cores, divided by the CPU time of
 * one unit on the entire machine, with the load generator and the proxy.
 */
export function predictedRate(cores: number, [smallest]: readonly Costs[]): number {
  return (cores * MILLION) / smallest!.machine;
}

/** Returns the costs of each layout, and how well the smallest one predicts the others. */
export function costsTable(report: Pick<BenchReport, 'results' | 'machine'>, kind: Kind): string {
  const all = costsOf(report, kind);
  const predicted = predictedRate(report.machine.cores, all);
  const rows = all.map((costs) => [
    `${costs.size} + ${costs.size}`,
    text(costs.rate),
    `${text(predicted)} (${((costs.rate / predicted) * 100).toFixed(0)}%)`,
    ...[costs.api, costs.workers, costs.redis, costs.mongo, costs.machine, costs.commands, costs.megabytes].map(text),
  ]);
  const head = [
    'API + worker processes',
    `${UNITS[kind]} per second`,
    'predicted by the first row',
    'API, s',
    'workers, s',
  ];
  return markdown([...head, 'Redis, s', 'MongoDB, s', 'whole machine, s', 'Redis commands', 'MongoDB, MB'], rows);
}

/** Returns the cores that each part needs for the rates, from the costs of the largest layout. */
export function needsTable(report: Pick<BenchReport, 'results'>, kind: Kind): string {
  const costs = costsOf(report, kind).at(-1)!;
  const coresFor = (rate: number, seconds: number | null): string =>
    text(seconds === null ? null : (rate * seconds) / MILLION / TARGET_UTILIZATION);
  const rows = RATES.map((rate) => [
    rate.toLocaleString('en'),
    ...[costs.api, costs.workers, costs.redis, costs.mongo].map((seconds) => coresFor(rate, seconds)),
  ]);
  return markdown([`${UNITS[kind]} per second`, 'API cores', 'worker cores', 'Redis cores', 'MongoDB cores'], rows);
}
