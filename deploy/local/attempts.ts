import { messageOf } from '../../shared/errors';

/** Label for a server that is a stand-in or that MIR installed itself. */
export const LAPTOP_ONLY = ', for development only';

/** A way to obtain a server. `find` throws an error with the reason if this way does not work on this machine. */
export interface Way<T> {
  name: string;
  find: () => Promise<T>;
}

/** The missing store, such as `a Redis server`, and how the user can provide it. */
export interface Need {
  store: string;
  remedies: readonly string[];
}

/** Thrown when every attempt has failed. The message lists remedies and explains why each attempt failed. */
class StoreNotFoundError extends Error {
  constructor({ store, remedies }: Need, attempts: readonly string[]) {
    super(
      `Cannot start ${store}. To fix this, do one of the following:\n` +
        remedies.map((remedy, index) => `  ${index + 1}. ${remedy}\n`).join('') +
        `Attempts:\n${attempts.map((attempt) => `  - ${attempt}`).join('\n')}`,
    );
    this.name = 'StoreNotFoundError';
  }
}

/** Tries each of `ways` in order and returns the first result. Throws if all of them fail. */
export async function firstThatWorks<T>(ways: readonly Way<T>[], need: Need): Promise<T> {
  const attempts: string[] = [];
  for (const way of ways) {
    try {
      return await way.find();
    } catch (error) {
      attempts.push(`${way.name}: ${oneLine(error)}`);
    }
  }
  throw new StoreNotFoundError(need, attempts);
}

function oneLine(error: unknown): string {
  return messageOf(error).replaceAll(/\s+/g, ' ').trim();
}
