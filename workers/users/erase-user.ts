import type { Job, Queue } from 'bullmq';
import type { SignalsCache } from '../../shared/cache/signals';
import type { UserRef } from '../../shared/domain/ids';
import { messageOf } from '../../shared/platform/errors';
import type { Log } from '../../shared/platform/log';
import { eventChunkSchema, type EventChunkPayload } from '../../shared/queue/jobs';
import type { ErasureDoc } from '../../shared/store/erasures';
import type { Store } from '../../shared/store/store';
import { makeVisible } from '../events/make-visible';

const PAGE_EVENTS = 1_000;
/** Dead letters are bounded by this many (queue/jobs.ts), and so is the look through them. */
const PAGE_DEAD_LETTERS = 100;

interface Deps {
  store: Pick<Store, 'events' | 'erasures' | 'users'>;
  cache: Pick<SignalsCache, 'putNewer'>;
  /** The events queue, whose dead letters hold payloads. */
  events: Queue;
  log: Log;
  signal: AbortSignal;
}

const USER_REF = 2;

/** Takes a user's events out of one dead letter; one that held nothing else goes. */
async function eraseFromLetter(job: Job, tenant: string, userRef: UserRef): Promise<void> {
  const chunk = eventChunkSchema.safeParse(job.data);
  if (!chunk.success || chunk.data.tenant !== tenant) return;
  const kept = chunk.data.events.filter((row) => row[USER_REF] !== userRef);
  if (kept.length === chunk.data.events.length) return;
  if (kept.length === 0) await job.remove();
  else await job.updateData({ ...chunk.data, events: kept } satisfies EventChunkPayload);
}

async function eraseFromDeadLetters({ events }: Deps, tenant: string, userRef: UserRef): Promise<void> {
  const jobs: Job[] = [];
  for (let at = 0; ; at += PAGE_DEAD_LETTERS) {
    const page = await events.getFailed(at, at + PAGE_DEAD_LETTERS - 1);
    jobs.push(...page);
    if (page.length < PAGE_DEAD_LETTERS) break;
  }
  for (const job of jobs) await eraseFromLetter(job, tenant, userRef);
}

/**
 * Carries out an order to erase a user: deletes what was received up to then, in bounded pages. The counters and
 * the link were dealt with when the order was given, and the committer drops what is still queued. May be
 * stopped anywhere and done twice.
 */
export async function eraseUser(deps: Deps, receiptId: string): Promise<void> {
  const { store, log, signal } = deps;
  const erasure: ErasureDoc | null = await store.erasures.byId(receiptId);
  if (erasure?.status !== 'RUNNING' || erasure.userRef === undefined) return;
  const { tenant, userRef, erasedAt } = erasure;
  for (;;) {
    signal.throwIfAborted();
    const { found, erased } = await store.events.erasePage(tenant, userRef, erasedAt, PAGE_EVENTS);
    if (found === 0) break;
    await store.erasures.noteErased(receiptId, erased);
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
