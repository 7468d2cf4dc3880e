import type { Authorizer } from '../../shared/authz/authorizer';
import type { Secrets } from '../../shared/domain/subject';
import type { Log } from '../../shared/log';
import type { Metrics } from '../../shared/metrics/metrics';
import { findEventShards } from '../../shared/queue/event-shards';
import type { CascadeQueue } from '../../shared/queue/cascade-queue';
import type { InspectedQueues } from '../../shared/queue/queues';
import type { WakeUpQueue } from '../../shared/queue/wake-up-queue';
import { redisNowMs } from '../../shared/redis/clock';
import type { RedisLink } from '../../shared/redis/link';
import type { RedisKeys } from '../../shared/redis/keys';
import { scripts } from '../../shared/redis/scripts';
import type { Signer } from '../../shared/signing/signer';
import { sweepReservations } from '../../shared/queue/sweep-open-chunks';
import type { OUTBOXES, Store } from '../../shared/store/store';
import { storeUsage } from '../../shared/usage/store-usage';
import { checkChains } from '../audit/check-chains';
import { announceExpiringKeys } from './announce-expiring-keys';
import { expireAgents, MAX_CHECKS_PER_RUN } from './expire-agents';
import { expireDeadLetters } from './expire-dead-letters';
import { forgetSignUps } from './forget-sign-ups';
import { gaugeReadings } from './read-gauges';
import { repeat } from './repeat';
import { createRewriteAfterWriteErrors } from './rewrite-after-write-errors';
import { rewriteAppendOnlyFiles } from './rewrite-append-only-files';

const SWEEP_EVERY_MS = 30_000;
/** Less than `SWEEP_EVERY_MS`, so that in each interval, only the first worker sweeps. */
const SWEEP_LOCK_MS = 25_000;
const GAUGES_EVERY_MS = 5_000;
const DEAD_LETTERS_EVERY_MS = 60_000;
const SIGN_UPS_EVERY_MS = 10 * 60_000;
const EXPIRING_KEYS_EVERY_MS = 60_000;
const FILES_EVERY_MS = 10_000;
/** Less than `FILES_EVERY_MS`, so that in each interval, only the first worker checks the files. */
const FILES_LOCK_MS = 8_000;
/** Short, so that the file is rewritten before the server might restart. */
const WRITE_ERRORS_EVERY_MS = 2_000;
const USAGE_EVERY_MS = 60_000;
/** Less than `USAGE_EVERY_MS`, so that in each interval, only the first worker stores usage. */
const USAGE_LOCK_MS = 50_000;
const CHAINS_EVERY_MS = 5_000;
/** Less than `CHAINS_EVERY_MS`, so that in each interval, only the first worker checks audit chains. */
const CHAINS_LOCK_MS = 4_000;
const EXPIRY_EVERY_MS = 5_000;
/** Less than `EXPIRY_EVERY_MS`, so that in each interval, only the first worker looks for expired agents. */
const EXPIRY_LOCK_MS = 4_000;
/** Maximum number of consecutive runs of the search for expired agents in each interval. */
const MAX_EXPIRY_RUNS = 20;
const CASCADES_EVERY_MS = 5_000;
const SIGNING_KEYS_EVERY_MS = 10 * 60_000;
/** Maximum number of open cascades requeued per run, starting with those that have waited longest. */
const MAX_CASCADES_PER_RUN = 1_000;

/**
 * Starts a worker's housekeeping: sweeps abandoned chunks, deletes old dead letters and sign-ups, requeues open
 * cascades, announces expiring keys, records expired agents, stores usage, checks audit chains, rotates the signing keys,
 * rewrites append-only files after erasures and updates the gauges. Returns a function that stops it.
 */
export function maintain(deps: {
  queues: InspectedQueues;
  cascadeQueue: CascadeQueue;
  webhookQueue: Pick<WakeUpQueue, 'add'>;
  store: Pick<
    Store,
    | 'cascades'
    | 'agents'
    | 'audit'
    | 'auditHeads'
    | 'backupTimes'
    | 'chainChecks'
    | 'usage'
    | 'webhooks'
    | (typeof OUTBOXES)[number]
    | 'identities'
    | 'partners'
    | 'expiryCursors'
    | 'transaction'
  >;
  signer: Pick<Signer, 'rotate'>;
  authorizer: Pick<Authorizer, 'withInvalidation'>;
  secrets: Pick<Secrets, 'revokedKey'>;
  link: RedisLink;
  /** The cache's Redis. Null if the queues use the same server. */
  cacheLink: RedisLink | null;
  keys: RedisKeys;
  log: Log;
  metrics: Metrics;
  registerDeadLetters: () => Promise<void>;
}): () => void {
  const {
    queues,
    cascadeQueue,
    webhookQueue,
    store,
    signer,
    link,
    cacheLink,
    keys,
    log,
    metrics,
    registerDeadLetters,
  } = deps;
  const servers = [
    { role: 'queue', link } as const,
    ...(cacheLink === null ? [] : [{ role: 'cache', link: cacheLink } as const]),
  ];
  const gauges = gaugeReadings({ store, link, keys, metrics }).map(({ what, read }) =>
    repeat(GAUGES_EVERY_MS, `reading gauges (${what})`, log, () => read(performance.now())),
  );
  const signingKeys = repeat(SIGNING_KEYS_EVERY_MS, 'rotation of the signing keys', log, () =>
    signer.rotate(new Date()),
  );
  const others = [
    signingKeys,
    repeat(SWEEP_EVERY_MS, 'abandoned chunk sweep', log, async () => {
      const isFirst = await scripts.takeLock(link.client, [keys.reservationSweep()], ['1', SWEEP_LOCK_MS]);
      if (isFirst === 0) return;
      let swept = 0;
      for (const shard of await findEventShards(link, keys)) {
        const nowMs = await redisNowMs(link.primaryOf(keys.reservations(shard)));
        swept += await sweepReservations(link, keys, shard, nowMs);
      }
      if (swept > 0) log.info({ swept }, 'abandoned chunks swept');
    }),
    repeat(FILES_EVERY_MS, 'append-only file check', log, async () => {
      const isFirst = await scripts.takeLock(link.client, [keys.appendOnlyFileSweep()], ['1', FILES_LOCK_MS]);
      if (isFirst === 1) await rewriteAppendOnlyFiles({ queueLink: link, keys, log }, servers, Date.now());
    }),
    ...servers.map(({ role, link: server }) => {
      const rewrite = createRewriteAfterWriteErrors(server, role, log);
      return repeat(WRITE_ERRORS_EVERY_MS, `check of the append-only file (${role})`, log, rewrite);
    }),
    repeat(DEAD_LETTERS_EVERY_MS, 'dead letter registration', log, registerDeadLetters),
    repeat(DEAD_LETTERS_EVERY_MS, 'dead letter expiry', log, () => expireDeadLetters({ queues, link, keys, log })),
    repeat(SIGN_UPS_EVERY_MS, 'sign-up cleanup', log, () => forgetSignUps(store, Date.now())),
    repeat(USAGE_EVERY_MS, 'storing usage', log, async () => {
      const isFirst = await scripts.takeLock(link.client, [keys.usageSweep()], ['1', USAGE_LOCK_MS]);
      if (isFirst === 1) await storeUsage({ store, link, keys });
    }),
    repeat(CHAINS_EVERY_MS, 'check of the audit chains', log, async () => {
      const isFirst = await scripts.takeLock(link.client, [keys.chainChecks()], ['1', CHAINS_LOCK_MS]);
      if (isFirst === 1) await checkChains({ store, log }, new Date());
    }),
    repeat(EXPIRING_KEYS_EVERY_MS, 'search for expiring keys', log, () =>
      announceExpiringKeys({ store, queue: webhookQueue }, new Date()),
    ),
    repeat(EXPIRY_EVERY_MS, 'search for expired agents', log, async () => {
      const isFirst = await scripts.takeLock(link.client, [keys.expirySweep()], ['1', EXPIRY_LOCK_MS]);
      if (isFirst === 0) return;
      for (
        let runs = 0, checked = MAX_CHECKS_PER_RUN;
        checked === MAX_CHECKS_PER_RUN && runs < MAX_EXPIRY_RUNS;
        runs += 1
      )
        checked = await expireAgents(deps, new Date());
    }),
    repeat(CASCADES_EVERY_MS, 'cascade requeue', log, async () => {
      const due = await store.cascades.due(new Date(), MAX_CASCADES_PER_RUN);
      for (const { _id } of due) await cascadeQueue.add(_id);
    }),
  ];
  // Update the gauges immediately, so that a new worker's metrics do not start with a gap.
  gauges.forEach(({ run }) => run());
  signingKeys.run();
  return () => [...gauges, ...others].forEach(({ stop }) => stop());
}
