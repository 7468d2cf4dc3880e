import { newId, type IdentityRef, type UserRef } from '../../shared/domain/ids';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import { classifyStoreError } from '../../shared/store/errors';
import { identityRowOf, type MembershipDoc } from '../../shared/store/memberships';
import type { CacheOutboxDoc } from '../../shared/store/cache-outbox';
import type { StoreSession } from '../../shared/store/store';
import { type UserDoc, userRowOf } from '../../shared/store/users';
import { withDeadline } from '../../shared/concurrency/deadline';
import { messageOf } from '../../shared/errors';
import type { ApiContext } from '../context';
import { storeWrite } from '../db/transaction';

/** A worker may make a new user's row at the same moment; then the other is read and it is done again. */
const MAX_TRIES = 5;
/** The sweep leaves a refresh to its writer for this long. */
const REFRESH_DUE_AFTER_MS = 5_000;
/** A person waits for a page no longer than this; then the page says that it is pending. */
const CACHE_TIMEOUT_MS = 2_000;

export type LinkDeps = Pick<ApiContext, 'store' | 'signalsCache' | 'identityCache' | 'log' | 'webhookQueue'>;

/** What a change of links did to rows that the cache keeps. */
export interface Changed {
  users: UserDoc[];
  memberships: MembershipDoc[];
  deliveryIds: string[];
}

/** `done`: every reader sees it. `pending`: it is stored, and will be seen as soon as the cache can be reached. */
export type CacheState = 'done' | 'pending';

const NOTHING: Changed = { users: [], memberships: [], deliveryIds: [] };

function cacheOutboxDocOf({ users, memberships }: Changed): CacheOutboxDoc {
  return {
    _id: newId('rfs'),
    userRefs: users.map(({ _id }) => _id),
    identities: memberships.map(({ _id }) => _id),
    dueAt: new Date(Date.now() + REFRESH_DUE_AFTER_MS),
  };
}

async function putInCache(deps: LinkDeps, cacheOutboxId: string, { users, memberships }: Changed): Promise<CacheState> {
  const { signalsCache, identityCache, store, log } = deps;
  const userRows = users.map((doc): [UserRef, ReturnType<typeof userRowOf>] => [doc._id, userRowOf(doc)]);
  const identityRows = memberships.map((doc): [IdentityRef, ReturnType<typeof identityRowOf>] => {
    return [doc._id, identityRowOf(doc)];
  });
  try {
    const puts = Promise.all([signalsCache.putNewer(userRows), identityCache.putNewer(identityRows)]);
    await withDeadline(puts, CACHE_TIMEOUT_MS, () => new Error('the cache did not answer in time'));
  } catch (error) {
    log.warn({ err: messageOf(error) }, 'a change of links is not in the cache yet; the sweep will see to it');
    return 'pending';
  }
  // Where this fails the sweep puts the same rows once more.
  await store.cacheOutbox.done(cacheOutboxId).catch(() => undefined);
  return 'done';
}

/**
 * Changes links in one transaction together with an entry in the cache outbox, then updates the cache before
 * it resolves: from then on every reader sees the change, or the answer is `pending`. Partners are told after that.
 * `work` may run more than once.
 * What it throws undoes everything.
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
      if (touched) await deps.store.cacheOutbox.insert(refresh, session);
      return { outcome, changed, cacheOutboxId: touched ? refresh._id : null };
    }, timeoutMs);
  const { outcome, changed, cacheOutboxId } = await storeWrite(again(commit));
  const cacheState = cacheOutboxId === null ? 'done' : await putInCache(deps, cacheOutboxId, changed);
  // Whoever is told looks at once, and must not see the state of before. What stays pending is left to the sweep.
  if (cacheState === 'done') wakeUpDeliveries(deps, changed);
  return { outcome, cacheState };
}

/** Wakes up workers. The rows are the outbox, so a lost wake-up only delays the message. */
function wakeUpDeliveries({ webhookQueue }: LinkDeps, { deliveryIds }: Changed): void {
  for (const id of deliveryIds) webhookQueue.add(id).catch(() => undefined);
}

async function again<T>(commit: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await commit();
    } catch (error) {
      const ofDriver = error instanceof Error && error.name.startsWith('Mongo');
      if (tries >= MAX_TRIES || !ofDriver || classifyStoreError(error) !== 'duplicate') throw error;
    }
  }
}
