import { newId, type IdentityRef, type UserRef } from '../../shared/domain/ids';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import { classifyStoreError } from '../../shared/store/errors';
import { type Fence, NO_FENCE } from '../../shared/cache/versioned-cache';
import { identityRowOf, type MembershipDoc } from '../../shared/store/memberships';
import type { CacheOutboxDoc } from '../../shared/store/cache-outbox';
import type { StoreSession } from '../../shared/store/store';
import { type UserDoc, userRowOf } from '../../shared/store/users';
import { withDeadline } from '../../shared/concurrency/deadline';
import { messageOf } from '../../shared/errors';
import { wakeDeliveries } from '../../shared/webhooks/wake-deliveries';
import type { ApiContext } from '../context';
import { storeWrite } from '../db/transaction';

/**
 * Maximum number of attempts. Duplicate-key errors are retried, because a worker may insert a new user's row at the
 * same time.
 */
const MAX_ATTEMPTS = 5;
/**
 * Delay before the sweep repeats a cache update, so that the process that made the change can update the cache first.
 */
const REFRESH_DUE_AFTER_MS = 5_000;
/** Maximum time that a page waits for the cache. After this time, the page reports the change as pending. */
const CACHE_TIMEOUT_MS = 2_000;
/** Maximum time that a transaction waits for the cache before it commits. */
const FENCE_TIMEOUT_MS = 500;

export type LinkDeps = Pick<ApiContext, 'store' | 'signalsCache' | 'identityCache' | 'log' | 'webhookQueue'>;

/** Cached rows and webhook deliveries affected by a link change. */
export interface Changed {
  users: UserDoc[];
  memberships: MembershipDoc[];
  deliveryIds: string[];
}

/**
 * `done`: every reader sees the change. `pending`: the change is stored, and readers see it once the cache is
 * reachable.
 */
export type CacheState = 'done' | 'pending';

/** The fences of the slots that a change writes. */
interface Fences {
  users: Fence;
  identities: Fence;
}
const NO_FENCES: Fences = { users: NO_FENCE, identities: NO_FENCE };

const NOTHING: Changed = { users: [], memberships: [], deliveryIds: [] };

function cacheOutboxDocOf({ users, memberships }: Changed): CacheOutboxDoc {
  return {
    _id: newId('rfs'),
    userRefs: users.map(({ _id }) => _id),
    tenants: [...new Set(users.map(({ tenant }) => tenant))],
    identities: memberships.map(({ _id }) => _id),
    dueAt: new Date(Date.now() + REFRESH_DUE_AFTER_MS),
  };
}

/** Fences the cache slots of a change. Never rejects: if the cache does not respond, empty slots are left to the readers. */
async function fenceSlots({ signalsCache, identityCache }: LinkDeps, { users, memberships }: Changed): Promise<Fences> {
  const fencing = Promise.all([
    signalsCache.fence(users.map(({ _id }) => _id)),
    identityCache.fence(memberships.map(({ _id }) => _id)),
  ]);
  return withDeadline(fencing, FENCE_TIMEOUT_MS, () => new Error('the cache did not respond in time')).then(
    ([ofUsers, ofIdentities]) => ({ users: ofUsers, identities: ofIdentities }),
    () => NO_FENCES,
  );
}

async function putInCache(
  deps: LinkDeps,
  { cacheOutboxId, changed: { users, memberships }, fence }: { cacheOutboxId: string; changed: Changed; fence: Fences },
): Promise<CacheState> {
  const { signalsCache, identityCache, store, log } = deps;
  const userRows = users.map((doc): [UserRef, ReturnType<typeof userRowOf>] => [doc._id, userRowOf(doc)]);
  const identityRows = memberships.map((doc): [IdentityRef, ReturnType<typeof identityRowOf>] => {
    return [doc._id, identityRowOf(doc)];
  });
  try {
    const puts = Promise.all([
      signalsCache.putNewer(userRows, fence.users),
      identityCache.putNewer(identityRows, fence.identities),
    ]);
    await withDeadline(puts, CACHE_TIMEOUT_MS, () => new Error('the cache did not respond in time'));
  } catch (error) {
    log.warn({ err: messageOf(error) }, 'caching a link change failed; the sweep will retry');
    return 'pending';
  }
  // If this fails, the sweep writes the same rows to the cache again, which is harmless.
  await store.cacheOutbox.done(cacheOutboxId).catch(() => undefined);
  return 'done';
}

/**
 * Runs a link change and inserts its cache outbox entry in one transaction, then updates the cache, and only then wakes
 * up the webhook workers. On return, every reader sees the change, unless `cacheState` is `pending`. `work` may run
 * more than once; if it throws, nothing is changed.
 */
export async function commitLinkChange<T>(
  deps: LinkDeps,
  work: (session: StoreSession) => Promise<{ outcome: T; changed?: Changed }>,
  timeoutMs = STORE_TIMEOUT_MS,
): Promise<{ outcome: T; cacheState: CacheState }> {
  const commit = () =>
    deps.store.transaction(async (session) => {
      const { outcome, changed = NOTHING } = await work(session);
      const refresh = cacheOutboxDocOf(changed);
      const touched = changed.users.length + changed.memberships.length > 0;
      if (!touched) return { outcome, changed, write: null };
      await deps.store.cacheOutbox.insert(refresh, session);
      const fence = await fenceSlots(deps, changed);
      return { outcome, changed, write: { cacheOutboxId: refresh._id, changed, fence } };
    }, timeoutMs);
  const { outcome, changed, write } = await storeWrite(retryDuplicateKey(commit));
  const cacheState = write === null ? 'done' : await putInCache(deps, write);
  // A notified partner may query immediately and must not see the old state. If the cache update is pending, the sweep
  // delivers the messages later.
  if (cacheState === 'done') wakeDeliveries(deps.webhookQueue, changed.deliveryIds);
  return { outcome, cacheState };
}

async function retryDuplicateKey<T>(commit: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await commit();
    } catch (error) {
      const isDriverError = error instanceof Error && error.name.startsWith('Mongo');
      if (attempt >= MAX_ATTEMPTS || !isDriverError || classifyStoreError(error) !== 'duplicate') throw error;
    }
  }
}
