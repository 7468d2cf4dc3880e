import type { Tenant } from '../domain/ids';
import { overloaded } from '../errors';

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
  const running = new Map<string, number>();
  let total = 0;

  const take = (owner: string): (() => void) => {
    const own = running.get(owner) ?? 0;
    if (own >= MAX_OF_ONE_OWNER || total >= MAX_AT_ONCE) {
      throw overloaded(
        'Too many long answers are being made at once. Ask again when one has ended.',
        RETRY_AFTER_SECONDS,
      );
    }
    running.set(owner, own + 1);
    total += 1;
    return () => {
      total -= 1;
      const left = running.get(owner)! - 1;
      if (left === 0) running.delete(owner);
      else running.set(owner, left);
    };
  };

  return {
    run: async (owner, work) => {
      const giveBack = take(owner);
      try {
        return await work();
      } finally {
        giveBack();
      }
    },
    stream: async function* (owner, source) {
      const giveBack = take(owner);
      try {
        yield* source;
      } finally {
        giveBack();
      }
    },
  };
}
