import type { Tenant } from '../domain/ids';
import { overloaded } from '../errors';
import { createSemaphore } from './semaphore';

/** Maximum concurrent long responses per process. Each one keeps a MongoDB cursor and an HTTP connection open. */
export const MAX_CONCURRENT = 64;
/**
 * Maximum concurrent long responses per owner (a partner environment or a person). Keeps one owner's slow readers from
 * using up all permits.
 */
export const MAX_PER_OWNER = 8;
/**
 * Maximum concurrent list requests per owner. Other requests of the owner wait, so that one owner's slow queries cannot
 * use up the connection pool.
 */
export const MAX_LISTS_PER_OWNER = 4;
/** Maximum number of an owner's list requests that wait. */
export const MAX_WAITING_LISTS_PER_OWNER = 100;
const RETRY_AFTER_SECONDS = 5;

/** Returns the owner of a request. A partner's agents count separately, so they cannot block the partner's own key. */
export function ownerOf(tenant: Tenant, agentId: string | null): string {
  return agentId === null ? tenant : `${tenant} agents`;
}

/**
 * Limits concurrent work of unbounded length, such as exports and agent trees. Throws OVERLOADED (503) at the limit.
 */
export interface LongWork {
  /** Reads a page of a list. Waits if the owner already reads the maximum number of pages. */
  list<T>(owner: string, work: () => Promise<T>): Promise<T>;
  run<T>(owner: string, work: () => Promise<T>): Promise<T>;
  /** Passes `source` through. Holds a permit from the first chunk until the stream ends or the reader disconnects. */
  stream(owner: string, source: AsyncIterable<string>): AsyncGenerator<string>;
}

export function createLongWork(): LongWork {
  const onFull = (): Error => overloaded('LONG_WORK_FULL', RETRY_AFTER_SECONDS);
  const perOwner = createSemaphore({ maxAtOnce: MAX_PER_OWNER, maxWaiting: 0, onFull });
  const perProcess = createSemaphore({ maxAtOnce: MAX_CONCURRENT, maxWaiting: 0, onFull });
  const lists = createSemaphore({
    maxAtOnce: MAX_LISTS_PER_OWNER,
    maxWaiting: MAX_WAITING_LISTS_PER_OWNER,
    onFull,
  });
  return {
    list: (owner, work) => lists.run(work, owner),
    run: (owner, work) => perOwner.run(() => perProcess.run(work), owner),
    stream: async function* (owner, source) {
      const releaseOwner = await perOwner.acquire(owner);
      try {
        const releaseProcess = await perProcess.acquire();
        try {
          yield* source;
        } finally {
          releaseProcess();
        }
      } finally {
        releaseOwner();
      }
    },
  };
}
