import Table from 'cli-table3';
import { quantile } from '../bench/result';
import type { Fault } from './faults/fault';
import type { FaultRecord, RunState } from './state-file';

const NONE = '–';
const P50 = 0.5;

const shown = (seconds: number): string => (seconds < 10 ? seconds.toFixed(1) : String(Math.round(seconds)));

function p50AndMax(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? NONE : `${shown(quantile(known, P50))} / ${shown(Math.max(...known))}`;
}

/** Returns the table of faults with how often each occurred and how long MIR took to recover. */
function faultTable(faults: readonly Fault[], records: readonly FaultRecord[]): string {
  const table = new Table({
    head: ['no.', 'fault', 'times', 'missed', 'accepts again after, s (p50 / max)', 'fresh again after, s (p50 / max)'],
    style: { head: [], border: [] },
  });
  for (const { number, name } of faults) {
    const all = records.filter((record) => record.number === number);
    const own = all.filter(({ missed }) => !missed);
    const accepted = p50AndMax(own.map(({ acceptedAfter }) => acceptedAfter));
    table.push([
      number,
      name,
      own.length,
      all.length - own.length,
      accepted,
      p50AndMax(own.map(({ freshAfter }) => freshAfter)),
    ]);
  }
  return table.toString();
}

/** Returns the result of a run, and of the runs that it continued. */
export function resultText(
  faults: readonly Fault[],
  { seed, runs, faults: records, totals, violations }: RunState,
): string {
  const { acknowledged, uncertain, lostWithinBounds } = totals;
  const minutes = totals.minutes.toFixed(1);
  const lines = [
    faultTable(faults, records),
    `seed ${seed}: ${acknowledged} acknowledged events, ${records.filter(({ missed }) => !missed).length} faults, ${minutes} minutes in ${runs} run${runs === 1 ? '' : 's'}`,
    `${totals.requests} submissions (${totals.retries} retried, ${uncertain} events with unknown outcome)`,
    `checked at ${totals.checkpoints} checkpoints: ${totals.users} users, ${totals.reads} reads, ${totals.receipts} receipts, ${totals.auditEntries} audit entries`,
    ...(lostWithinBounds > 0 ? [`lost in failovers, as allowed without replication: ${lostWithinBounds} events`] : []),
    violations.length === 0 ? 'no violations' : `${violations.length} violations:`,
    ...violations.map((violation) => `  ${violation}`),
  ];
  return lines.join('\n');
}
