import { Counter, Gauge } from 'prom-client';
import type { In } from './values';

const READ = 'Each worker refreshes this gauge every 5 s and stops exporting it after 30 s of failed reads.';

/**
 * Creates the series for jobs, cascades, the audit log and outboxes. Aggregate the gauges with `max`, because every
 * worker reads the same values from the stores.
 */
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
      help: `Age of the oldest waiting job, or 0 if none is waiting. ${READ}`,
      labelNames: ['queue'],
      registers,
    }),
    queueLongestActiveSeconds: new Gauge({
      name: 'mir_queue_longest_active_seconds',
      help: `How long the longest-running job has been active, or 0 if none is active. ${READ}`,
      labelNames: ['queue'],
      registers,
    }),
    deadLetters: new Gauge({
      name: 'mir_dead_letters',
      help: `Dead letters waiting for an operator. ${READ}`,
      labelNames: ['queue'],
      registers,
    }),
    jobsDone: new Counter({
      name: 'mir_jobs_done_total',
      help: 'Completed jobs.',
      labelNames: ['queue'],
      registers,
    }),
    jobsFailed: new Counter({
      name: 'mir_jobs_failed_total',
      help: 'Jobs that failed permanently.',
      labelNames: ['queue'],
      registers,
    }),
    cascadesOpen: new Gauge({
      name: 'mir_cascades_open',
      help: `Open cascades by status. ${READ}`,
      labelNames: ['status'],
      registers,
    }),
    cascadeOldestSeconds: new Gauge({
      name: 'mir_cascade_oldest_open_seconds',
      help: `Age of the oldest open cascade, or 0 if none is open. ${READ}`,
      registers,
    }),
    lastKillAtSeconds: new Gauge({
      name: 'mir_last_kill_timestamp_seconds',
      help: `Unix time of the last kill, or 0 if there was none. ${READ}`,
      registers,
    }),
    auditChainsBroken: new Gauge({
      name: 'mir_audit_chains_broken',
      help: `Audit chains that workers found to be broken in the current or the last round of checks, counted up to 100. ${READ}`,
      registers,
    }),
    auditCheckedAtSeconds: new Gauge({
      name: 'mir_audit_checked_timestamp_seconds',
      help: `Unix time at which workers last finished checking all audit chains, or 0 before the first time. ${READ}`,
      registers,
    }),
    backupAtSeconds: new Gauge({
      name: 'mir_backup_timestamp_seconds',
      help: `Unix time at which the newest recorded backup began, or 0 if none was recorded. ${READ}`,
      registers,
    }),
    auditUnsealed: new Gauge({
      name: 'mir_audit_unsealed',
      help: `Unsealed audit entries, counted up to 100000. ${READ}`,
      registers,
    }),
    auditLagSeconds: new Gauge({
      name: 'mir_audit_seal_lag_seconds',
      help: `Age of the oldest unsealed audit entry in up to 100 chains, or 0 if there is none. ${READ}`,
      registers,
    }),
    outboxOverdueSeconds: new Gauge({
      name: 'mir_outbox_overdue_seconds',
      help: `How long the oldest due outbox row has been overdue, or 0 if none is due. ${READ}`,
      labelNames: ['rows'],
      registers,
    }),
    readAtSeconds: new Gauge({
      name: 'mir_gauges_read_timestamp_seconds',
      help: 'Unix time at which a worker last read its gauges, by source. 0 before the first read.',
      labelNames: ['what'],
      registers,
    }),
  };
}
