import type { Queue } from 'bullmq';
import type { SignalsCache } from '../../shared/cache/signals';
import type { ChunkId, Tenant, UserRef } from '../../shared/domain/ids';
import { messageOf } from '../../shared/platform/errors';
import type { Log } from '../../shared/platform/log';
import type { RedisLink } from '../../shared/queue/connect';
import { settleChunks } from '../../shared/queue/enqueue';
import type { HintQueue } from '../../shared/queue/hint-queue';
import { emptyRows, eventChunkSchema, isEmptied } from '../../shared/queue/jobs';
import type { RedisKeys } from '../../shared/queue/keys';
import { isQueuedUpTo } from '../../shared/queue/sweep';
import type { ErasureDoc } from '../../shared/store/erasures';
import type { Store } from '../../shared/store/store';
import { makeVisible } from '../events/make-visible';

const PAGE_EVENTS = 1_000;
/** How soon it is looked again whether what was queued has been settled. */
const LOOK_AGAIN_MS = 500;

interface Deps {
  store: Pick<Store, 'events' | 'erasures' | 'users'>;
  cache: Pick<SignalsCache, 'putNewer'>;
  link: RedisLink;
  keys: RedisKeys;
  /** The events queue, whose dead letters hold payloads. */
  events: Queue;
  /** Where this order can be put off. */
  queue: HintQueue;
  log: Log;
  signal: AbortSignal;
}

const USER_REF = 2;

/** Takes the content of a user's events out of one dead letter; one that holds nothing else goes. */
async function eraseFromLetter(
  { events, link, keys }: Deps,
  id: string,
  tenant: Tenant,
  userRef: UserRef,
): Promise<void> {
  const job = await events.getJob(id);
  const chunk = eventChunkSchema.safeParse(job?.data);
  if (!job || !chunk.success || chunk.data.tenant !== tenant) return;
  const isTheirs = (row: (typeof chunk.data.events)[number]): boolean => row[USER_REF] === userRef;
  if (!chunk.data.events.some(isTheirs)) return;
  const left = emptyRows(chunk.data, isTheirs);
  if (!left.events.every(isEmptied)) return job.updateData(left);
  await job.remove();
  await settleChunks(link, keys, [{ chunkId: id as ChunkId, tenant }]);
}

/** Letter by letter: a thousand of them are more than a process can hold. Those that come later hold nothing of it. */
async function eraseFromDeadLetters(deps: Deps, tenant: Tenant, userRef: UserRef): Promise<void> {
  for (const id of await deps.events.getRanges(['failed'], 0, -1)) await eraseFromLetter(deps, id, tenant, userRef);
}

/**
 * Carries out an order to erase a user: deletes what was received up to then, in bounded pages. The counters and
 * the link were dealt with when the order was given, and the committer drops what is still queued; until it has, the
 * order is put off. May be stopped anywhere and done twice.
 */
export async function eraseUser(deps: Deps, receiptId: string): Promise<void> {
  const { store, link, keys, queue, log, signal } = deps;
  const erasure: ErasureDoc | null = await store.erasures.byId(receiptId);
  if (erasure?.status !== 'RUNNING' || erasure.userRef === undefined) return;
  const { tenant, userRef, erasedAt } = erasure;
  for (;;) {
    signal.throwIfAborted();
    const { found, erased } = await store.events.erasePage(tenant, userRef, erasedAt, PAGE_EVENTS);
    if (found === 0) break;
    await store.erasures.noteErased(receiptId, erased);
  }
  const nowMs = Date.now();
  if (await isQueuedUpTo(link, keys, tenant, erasedAt.getTime(), nowMs)) {
    // Its own id: this very job still bears the last one.
    await queue.add(receiptId, { attempt: Math.ceil(nowMs / LOOK_AGAIN_MS), delayMs: LOOK_AGAIN_MS });
    return;
  }
  try {
    await eraseFromDeadLetters(deps, tenant, userRef);
  } catch (error) {
    log.warn({ receiptId, err: messageOf(error) }, 'dead letters could not be gone through; it will be done again');
    throw error;
  }
  // Whoever took the order may have died before the cache heard of it; DONE is told of what no reader sees any more.
  await makeVisible(deps, await store.users.rows([userRef]));
  await store.erasures.close(receiptId, new Date());
}
