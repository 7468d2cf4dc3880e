import { Counter, Gauge } from 'prom-client';
import type { In } from './values';

const READ = 'Read by every worker every 5 s; gone when it could not be read for 30 s.';

/** What workers read of the stores now and then: the same in every worker, so take the `max` over them. */
export function queueSeries({ registers }: In) {
  return {
    queueJobs: new Gauge({
      name: 'mir_queue_jobs',
      help: `Jobs by queue and state. ${READ}`,
      labelNames: ['queue', 'state'],
      registers,
    }),
    queueOldestSeconds: new Gauge({
      name: 'mir_queue_oldest_waiting_seconds',
      help: `Age of the oldest job that waits for a worker, 0 when none does. ${READ}`,
      labelNames: ['queue'],
      registers,
    }),
    queueLongestActiveSeconds: new Gauge({
      name: 'mir_queue_longest_active_seconds',
      help: `Time for which a worker has held the job that is longest at work, 0 when none is. ${READ}`,
      labelNames: ['queue'],
      registers,
    }),
    deadLetters: new Gauge({
      name: 'mir_dead_letters',
      help: `Jobs that could not succeed and are kept for an operator. ${READ}`,
      labelNames: ['queue'],
      registers,
    }),
    jobsDone: new Counter({
      name: 'mir_jobs_done_total',
      help: 'Jobs that were done.',
      labelNames: ['queue'],
      registers,
    }),
    jobsFailed: new Counter({
      name: 'mir_jobs_failed_total',
      help: 'Jobs that ended for good without success.',
      labelNames: ['queue'],
      registers,
    }),
    cascadesOpen: new Gauge({
      name: 'mir_cascades_open',
      help: `Cascades that are not closed, by status. ${READ}`,
      labelNames: ['status'],
      registers,
    }),
    cascadeOldestSeconds: new Gauge({
      name: 'mir_cascade_oldest_open_seconds',
      help: `Age of the oldest cascade that is not closed, 0 when none is open. ${READ}`,
      registers,
    }),
    auditUnsealed: new Gauge({
      name: 'mir_audit_unsealed',
      help: `Audit entries that wait to be sealed; counts to 100000. ${READ}`,
      registers,
    }),
    auditLagSeconds: new Gauge({
      name: 'mir_audit_seal_lag_seconds',
      help: `Age of the oldest audit entry that waits to be sealed, 0 when none does; looks at 100 chains. ${READ}`,
      registers,
    }),
    outboxOverdueSeconds: new Gauge({
      name: 'mir_outbox_overdue_seconds',
      help: `Time for which the row that is longest overdue has waited to be taken up, 0 when none is due. ${READ}`,
      labelNames: ['rows'],
      registers,
    }),
    readAtSeconds: new Gauge({
      name: 'mir_gauges_read_timestamp_seconds',
      help: 'Unix time of the last successful reading of the gauges, by what was read; 0 before the first.',
      labelNames: ['what'],
      registers,
    }),
  };
}
