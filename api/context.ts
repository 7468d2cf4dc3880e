import { LRUCache } from 'lru-cache';
import { type Authorizer, createAuthorizer } from '../shared/authz/authorizer';
import {
  createIdentityCache,
  createSignalsCache,
  type IdentityCache,
  type SignalsCache,
} from '../shared/cache/signals-cache';
import type { IdentityRef, Tenant, UserRef } from '../shared/domain/ids';
import { type IdentityRow, type PresentSignals, type SignalsRow, signalsPresenter } from '../shared/domain/signals';
import type { Runtime } from '../shared/runtime';
import { createBreaker } from '../shared/concurrency/breaker';
import { messageOf } from '../shared/errors';
import type { Log } from '../shared/log';
import { assertNoEviction } from '../shared/redis/assert-no-eviction';
import { createFsyncGuard } from '../shared/redis/fsync-guard';
import { type CascadeQueue, createCascadeQueue } from '../shared/queue/cascade-queue';
import { createWakeUpQueue, erasuresQueue, type WakeUpQueue, webhooksQueue } from '../shared/queue/wake-up-queue';
import { createEventQueue, type EventQueue } from '../shared/queue/event-queue';
import { type InspectedQueues, inspectQueues } from '../shared/queue/queues';
import { mailsQueue } from '../shared/queue/mail-queue';
import { sweepOpenChunks } from '../shared/queue/sweep-open-chunks';
import { type AuthorityStore, authorityStore } from '../shared/authz/authority-store';
import { type AccountAuth, createAuth } from './accounts/auth';
import { createStaffAuth, type StaffAuth } from './accounts/staff-auth';
import { type ActivityRecorder, createActivityRecorder, recordingAuthorizer } from '../shared/authz/record-activity';
import { createRejectionRecorder, type RejectionRecorder } from '../shared/rejections/record-rejections';
import { createRejectedShares, type RejectedShares } from '../shared/rejections/rejected-shares';
import { createUsageRecorder, type UsageRecorder } from '../shared/usage/record-usage';
import { createHeadWatcher, type HeadWatcher } from '../shared/audit/watch-heads';
import { createLongWork, type LongWork } from '../shared/concurrency/long-work';
import { createOverloadGuard, type OverloadGuard } from '../shared/queue/overload-guard';

/** Minimum time between sweeps in which this process removes a tenant's abandoned chunk markers. */
const SWEEP_TENANT_EVERY_MS = 10_000;
const MAX_REMEMBERED_SWEEPS = 1_000;

/** Less than `ACTIVITY_LAG_MS`, so that the activity of agents and the use of keys are stored to the minute. */
const MAX_ACTIVITY_DELAY_MS = 30_000;

/** Everything that handlers can use. Functions declare the part they need with `Pick`. */
export interface ApiContext extends Runtime {
  authorizer: Authorizer;
  /** When agents were last active. */
  activity: ActivityRecorder;
  /** When descendants of agents were last active, below idle limits. */
  descendantActivity: ActivityRecorder;
  rejections: RejectionRecorder;
  rejectedShares: RejectedShares;
  usage: UsageRecorder;
  /** Null if the access log is off. */
  accessLog: Log | null;
  /** When partner keys were last used. */
  keyUses: ActivityRecorder;
  eventQueue: EventQueue;
  /** Every queue, for inspecting and managing its jobs. */
  queues: InspectedQueues;
  cascadeQueue: CascadeQueue;
  mailQueue: WakeUpQueue;
  webhookQueue: WakeUpQueue;
  erasureQueue: WakeUpQueue;
  overload: OverloadGuard;
  signalsCache: SignalsCache;
  /** Reads from MongoDB through a circuit breaker. */
  readRows: (tenants: Iterable<Tenant>, refs: UserRef[]) => Promise<Map<UserRef, SignalsRow>>;
  /** Functions for people's accounts. Loads better-auth on first use. */
  auth: AccountAuth;
  /** Functions for the accounts of members and operators. */
  staffAuth: StaffAuth;
  identityCache: IdentityCache;
  readIdentityRows: (refs: IdentityRef[]) => Promise<Map<IdentityRef, IdentityRow>>;
  presentSignals: PresentSignals;
  longWork: LongWork;
  headWatcher: HeadWatcher;
  /** True while the process drains: `/readyz` returns 503, and responses close their connections. */
  draining: { now: boolean };
  /** Time from which events get keyed IDs; 0 if no stored event has an ID from an earlier version. */
  keyedIdsFromMs: number;
}

/** Builds the API's context. Rejects if Redis may evict accepted events or lacks the configured durability. */
export async function createApiContext(runtime: Runtime): Promise<ApiContext> {
  const { config, keys, log, metrics, queueLink, cacheLink, store } = runtime;
  metrics.publicUrl.set({ url: config.publicUrl }, 1);
  await assertNoEviction(queueLink);
  const keyedIdsFromMs = await store.keyedIdsFromMs();
  const fsync = await createFsyncGuard({
    link: queueLink,
    url: config.redisUrl,
    mode: config.queueDurability,
    keys,
    log,
  });
  const overload = createOverloadGuard({
    link: queueLink,
    keys,
    log,
    metrics,
    maxQueuedBytes: config.maxQueuedBytes,
    maxRedisMemoryPercent: config.maxRedisMemoryPercent,
  });
  const eventQueue = createEventQueue({
    link: queueLink,
    keys,
    log,
    guard: overload,
    fsync,
    tracing: runtime.tracing,
  });
  const authority = authorityStore(store.urgent, runtime.secrets);
  const authorityReads = createBreaker('authority-read', metrics);
  const guardedAuthority: AuthorityStore = {
    key: (key) => authorityReads.read(() => authority.key(key)),
    nodes: (ids) => authorityReads.read(() => authority.nodes(ids)),
    latestErasure: (partnerId) => authorityReads.read(() => authority.latestErasure(partnerId)),
  };
  const signalsReads = createBreaker('signals-read', metrics);
  const cascadeQueue = createCascadeQueue({ link: queueLink, keys, log });
  const webhookQueue = createWakeUpQueue(webhooksQueue, { link: queueLink, keys, log });
  const erasureQueue = createWakeUpQueue(erasuresQueue, { link: queueLink, keys, log });
  const mailQueue = createWakeUpQueue(mailsQueue, { link: queueLink, keys, log });
  const queues = inspectQueues({ link: queueLink, keys, log });
  const cacheOptions = { link: cacheLink, keys, ttlSeconds: config.signalsTtlSeconds };
  const unknownKeysLimited = metrics.throttled.labels('unknown-keys');
  unknownKeysLimited.inc(0);
  const recentlySwept = new LRUCache<Tenant, true>({ max: MAX_REMEMBERED_SWEEPS, ttl: SWEEP_TENANT_EVERY_MS });
  const authorizer = createAuthorizer({
    link: queueLink,
    keys,
    store: guardedAuthority,
    onLookupLimited: () => unknownKeysLimited.inc(),
    onOldMarker: (tenant, nowMs) => {
      if (recentlySwept.has(tenant)) return;
      recentlySwept.set(tenant, true);
      sweepOpenChunks(queueLink, keys, tenant, nowMs).catch((error: unknown) => {
        log.warn({ err: messageOf(error) }, 'sweep of abandoned chunks failed');
      });
    },
  });
  const rejections = createRejectionRecorder({ store, log, metrics });
  const usage = createUsageRecorder({ link: queueLink, keys, log });
  const activity = createActivityRecorder({
    save: (times) => store.agents.recordActivity(times),
    maxDelayMs: MAX_ACTIVITY_DELAY_MS,
    log,
  });
  const descendantActivity = createActivityRecorder({
    save: (times) => store.agents.recordDescendantActivity(times),
    maxDelayMs: MAX_ACTIVITY_DELAY_MS,
    log,
  });
  const keyUses = createActivityRecorder({
    save: (times) => store.partners.recordKeyUse(times),
    maxDelayMs: MAX_ACTIVITY_DELAY_MS,
    log,
  });
  const headWatcher = createHeadWatcher(store);
  return {
    ...runtime,
    authorizer: recordingAuthorizer(authorizer, { agents: activity, ancestors: descendantActivity, keys: keyUses }),
    activity,
    descendantActivity,
    rejections,
    rejectedShares: createRejectedShares({ metrics, log }),
    usage,
    accessLog: config.accessLog ? log.child({ log: 'access' }, { level: 'info' }) : null,
    keyUses,
    eventQueue,
    queues,
    cascadeQueue,
    mailQueue,
    webhookQueue,
    erasureQueue,
    overload,
    signalsCache: createSignalsCache(cacheOptions),
    readRows: (tenants, refs) => signalsReads.read(() => store.urgent.users.rows(tenants, refs)),
    identityCache: createIdentityCache(cacheOptions),
    readIdentityRows: (refs) => signalsReads.read(() => store.urgent.memberships.rows(refs)),
    presentSignals: signalsPresenter(config.tierRules),
    auth: createAuth(runtime),
    staffAuth: createStaffAuth(runtime),
    longWork: createLongWork(),
    headWatcher,
    draining: { now: false },
    keyedIdsFromMs,
    close: async () => {
      overload.stop();
      headWatcher.stop();
      const recorders = [activity, descendantActivity, keyUses, rejections, usage];
      await Promise.all(recorders.map((recorder) => recorder.close()));
      authorityReads.shutdown();
      signalsReads.shutdown();
      await fsync.close();
      await eventQueue.close();
      await Promise.all([cascadeQueue.close(), webhookQueue.close(), erasureQueue.close(), mailQueue.close()]);
      await queues.close();
      await runtime.close();
    },
  };
}
