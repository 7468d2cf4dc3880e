import type { Gauge } from 'prom-client';
import type { Metrics } from '../../shared/metrics/metrics';
import { forget } from '../../shared/metrics/values';
import type { RedisLink } from '../../shared/redis/link';
import type { RedisKeys } from '../../shared/redis/keys';
import { queueStats } from '../../shared/queue/queue-stats';
import { findEventShards, shardsOf } from '../../shared/queue/event-shards';
import { QUEUE_NAMES } from '../../shared/queue/queues';
import { brokenChains } from '../../shared/store/chain-checks';
import { OUTBOXES, type Store } from '../../shared/store/store';

/** Readings older than this are removed, because a missing value is better than a stale one that looks current. */
export const STALE_AFTER_MS = 30_000;
const MS_PER_SECOND = 1_000;
/** An endpoint that fails for longer than this counts as failing. */
const FAILING_AFTER_MS = 15 * 60_000;

interface Deps {
  store: Pick<Store, 'cascades' | 'audit' | 'chainChecks' | 'backupTimes' | 'webhooks' | (typeof OUTBOXES)[number]>;
  link: RedisLink;
  keys: RedisKeys;
  metrics: Metrics;
}

/** A group of gauges that are updated together. */
export interface Reading {
  what: 'queues' | 'cascades' | 'audit' | 'outbox' | 'webhooks' | 'backups';
  /**
   * Updates the gauges. If a query fails, removes values that have become stale, and rejects. `nowMs` may come from any
   * clock, because only differences matter.
   */
  read: (nowMs: number) => Promise<void>;
}

function ageSeconds(at: Date | null): number {
  return at === null ? 0 : Math.max(0, Date.now() - at.getTime()) / MS_PER_SECOND;
}

const unixSeconds = (at: Date | null): number => (at === null ? 0 : at.getTime() / MS_PER_SECOND);

async function readQueues({ link, keys, metrics }: Deps): Promise<void> {
  const shards = await findEventShards(link, keys);
  for (const queue of QUEUE_NAMES) {
    const { jobs, oldestWaitingMs, longestActiveMs } = await queueStats(link, keys, queue, shardsOf(queue, shards));
    for (const [state, count] of Object.entries(jobs)) metrics.queueJobs.labels(queue, state).set(count);
    metrics.queueOldestSeconds.labels(queue).set(oldestWaitingMs / MS_PER_SECOND);
    metrics.queueLongestActiveSeconds.labels(queue).set(longestActiveMs / MS_PER_SECOND);
    metrics.deadLetters.labels(queue).set(jobs.failed);
  }
}

async function readCascades({ store, metrics }: Deps): Promise<void> {
  for (const status of ['RUNNING', 'PARTIAL'] as const) {
    metrics.cascadesOpen.labels(status).set(await store.cascades.countOpen(status));
  }
  metrics.cascadeOldestSeconds.set(ageSeconds((await store.cascades.oldestOpen())?.createdAt ?? null));
  metrics.lastKillAtSeconds.set(unixSeconds(await store.cascades.latestAt()));
}

async function readOutbox({ store, metrics }: Deps): Promise<void> {
  for (const rows of OUTBOXES) {
    metrics.outboxOverdueSeconds.labels(rows).set(ageSeconds(await store[rows].nextDueAt()));
  }
}

async function readAudit({ store, metrics }: Deps): Promise<void> {
  metrics.auditUnsealed.set(await store.audit.countUnsealed());
  metrics.auditLagSeconds.set(ageSeconds(await store.audit.oldestUnsealedAt()));
  const checks = await store.chainChecks.get();
  metrics.auditChainsBroken.set(brokenChains(checks).size);
  metrics.auditCheckedAtSeconds.set(unixSeconds(checks.completedAt));
}

async function readWebhooks({ store, metrics }: Deps): Promise<void> {
  metrics.webhooksFailing.set(await store.webhooks.countFailing(new Date(Date.now() - FAILING_AFTER_MS)));
  metrics.webhooksDisabled.set(await store.webhooks.countDisabled());
  metrics.receiverOldestSeconds.set(ageSeconds(await store.deliveries.oldestUnacknowledgedAt()));
}

async function readBackups({ store, metrics }: Deps): Promise<void> {
  metrics.backupAtSeconds.set(unixSeconds(await store.backupTimes.latest()));
}

/**
 * Creates readings for the gauges that require a query to MongoDB or Redis. Queries are bounded. A gauge has no value
 * until its first reading.
 */
export function gaugeReadings(deps: Deps): Reading[] {
  const { metrics } = deps;
  const reading = (what: Reading['what'], gauges: Gauge[], work: (deps: Deps) => Promise<void>): Reading => {
    let readAtMs = Number.NEGATIVE_INFINITY;
    gauges.forEach(forget);
    // Start at 0, so that a reading that never succeeds looks stale instead of missing.
    metrics.readAtSeconds.labels(what).set(0);
    const read = async (nowMs: number): Promise<void> => {
      try {
        await work(deps);
        readAtMs = nowMs;
        metrics.readAtSeconds.labels(what).set(Date.now() / MS_PER_SECOND);
      } catch (error) {
        if (nowMs - readAtMs > STALE_AFTER_MS) gauges.forEach(forget);
        throw error;
      }
    };
    return { what, read };
  };
  const { queueJobs, queueOldestSeconds, queueLongestActiveSeconds, deadLetters } = metrics;
  const { cascadesOpen, cascadeOldestSeconds, lastKillAtSeconds } = metrics;
  const { auditUnsealed, auditLagSeconds, auditChainsBroken, auditCheckedAtSeconds } = metrics;
  return [
    reading('queues', [queueJobs, queueOldestSeconds, queueLongestActiveSeconds, deadLetters], readQueues),
    reading('cascades', [cascadesOpen, cascadeOldestSeconds, lastKillAtSeconds], readCascades),
    reading('audit', [auditUnsealed, auditLagSeconds, auditChainsBroken, auditCheckedAtSeconds], readAudit),
    reading('outbox', [metrics.outboxOverdueSeconds], readOutbox),
    reading(
      'webhooks',
      [metrics.webhooksFailing, metrics.webhooksDisabled, metrics.receiverOldestSeconds],
      readWebhooks,
    ),
    reading('backups', [metrics.backupAtSeconds], readBackups),
  ];
}
