import { Counter, Histogram } from 'prom-client';
import { countsOf, type In } from './values';

const COMMIT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 120];
const FRESHNESS_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1_800];
const GROUP_EVENTS = [1, 5, 25, 100, 250, 500, 1_000, 2_000];

/** What workers make of events: outcomes, commits, how soon they are visible. */
export function eventSeries({ registers }: In) {
  const outcomes = new Counter({
    name: 'mir_events_settled_total',
    help: 'Events by outcome.',
    labelNames: ['outcome'],
    registers,
  });
  const retries = new Counter({
    name: 'mir_commit_retries_total',
    help: 'Commits tried again, by what the store said.',
    labelNames: ['reason'],
    registers,
  });
  return {
    eventOutcomes: countsOf(outcomes, ['PERSISTED', 'DUPLICATE', 'CONFLICT', 'FAILED', 'ERASED']),
    commitSeconds: new Histogram({
      name: 'mir_commit_duration_seconds',
      help: 'Time of one group commit, retries included.',
      buckets: COMMIT_SECONDS,
      registers,
    }),
    commitEvents: new Histogram({
      name: 'mir_commit_events',
      help: 'Events in one group commit.',
      buckets: GROUP_EVENTS,
      registers,
    }),
    commitRetries: countsOf(retries, ['transient', 'duplicate', 'rejected']),
    freshnessSeconds: new Histogram({
      name: 'mir_freshness_seconds',
      help: 'Time from the acceptance of a chunk until its signals are visible. A chunk that still waits is not in it.',
      buckets: FRESHNESS_SECONDS,
      registers,
    }),
  };
}
