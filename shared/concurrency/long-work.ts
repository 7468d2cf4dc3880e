import type { Tenant } from '../domain/ids';
import { overloaded } from '../errors';
import { createSemaphore } from './semaphore';

/** Long answers that one process makes at once: each holds a cursor of the store and a connection. */
export const MAX_AT_ONCE = 64;
/** Of one partner's environment or person, so that nobody takes all places with readers that do not read. */
export const MAX_OF_ONE_OWNER = 8;
const RETRY_AFTER_SECONDS = 5;

/** Whose work it is: a partner's agents must not take the places of the people who hold its own key. */
export function ownerOf(tenant: Tenant, agentId: string | null): string {
  return agentId === null ? tenant : `${tenant} agents`;
}

/** Bounds what takes as long as its subject is large: exports, trees, counts of trees. Throws OVERLOADED (503). */
export interface LongWork {
  run<T>(owner: string, work: () => Promise<T>): Promise<T>;
  /** The same pieces; the place is taken with the first and given back when the reader ends or leaves. */
  stream(owner: string, source: AsyncIterable<string>): AsyncGenerator<string>;
}

export function createLongWork(): LongWork {
  const onFull = (): Error => overloaded('LONG_WORK_FULL', RETRY_AFTER_SECONDS);
  const ofOwner = createSemaphore({ maxAtOnce: MAX_OF_ONE_OWNER, maxWaiting: 0, onFull });
  const ofProcess = createSemaphore({ maxAtOnce: MAX_AT_ONCE, maxWaiting: 0, onFull });
  return {
    run: (owner, work) => ofOwner.run(() => ofProcess.run(work), owner),
    stream: async function* (owner, source) {
      const giveBackOwn = await ofOwner.acquire(owner);
      try {
        const giveBack = await ofProcess.acquire();
        try {
          yield* source;
        } finally {
          giveBack();
        }
      } finally {
        giveBackOwn();
      }
    },
  };
}
