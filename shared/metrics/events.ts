import { Counter, Histogram } from 'prom-client';
import { countsOf, type In } from './values';

const COMMIT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 120];
const FRESHNESS_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1_800];
const WAIT_SECONDS = [
  0.0025, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300,
];
const GROUP_EVENTS = [1, 5, 25, 100, 250, 500, 1_000, 2_000];

/** Creates the series for event outcomes, commits and freshness. */
export function eventSeries({ registers }: In) {
  const outcomes = new Counter({
    name: 'mir_events_settled_total',
    help: 'Events by outcome.',
    labelNames: ['outcome'],
    registers,
  });
  const retries = new Counter({
    name: 'mir_commit_retries_total',
    help: 'Commit retries by error type.',
    labelNames: ['reason'],
    registers,
  });
  return {
    eventOutcomes: countsOf(outcomes, ['PERSISTED', 'DUPLICATE', 'CONFLICT', 'FAILED', 'ERASED']),
    commitSeconds: new Histogram({
      name: 'mir_commit_duration_seconds',
      help: 'Duration of a group commit, including retries.',
      buckets: COMMIT_SECONDS,
      registers,
    }),
    commitEvents: new Histogram({
      name: 'mir_commit_events',
      help: 'Events in one group commit.',
      buckets: GROUP_EVENTS,
      registers,
    }),
    commitWaitSeconds: new Histogram({
      name: 'mir_commit_wait_seconds',
      help: 'Time from accepting a chunk until the commit of its first events starts, by lane.',
      labelNames: ['lane'],
      buckets: WAIT_SECONDS,
      registers,
    }),
    commitRetries: countsOf(retries, ['transient', 'duplicate', 'rejected']),
    freshnessSeconds: new Histogram({
      name: 'mir_freshness_seconds',
      help: 'Time from accepting a chunk until its signals are visible. Excludes chunks that are still waiting.',
      buckets: FRESHNESS_SECONDS,
      registers,
    }),
  };
}
