import { messageOf } from '../../shared/errors';

/** Follows the name of a server that stands in for a real one, or was not installed by the operator. */
export const LAPTOP_ONLY = ', for a laptop only, not for production';

/** One way to get a server. `find` throws an Error that says why it is no way here. */
export interface Way<T> {
  name: string;
  find: () => Promise<T>;
}

/** What is missing, and what the reader of the message can do about it. */
export interface Need {
  store: string;
  remedies: readonly string[];
}

/** Nothing worked: says what was tried, what each attempt said, and the ways out. */
class StoreNotFoundError extends Error {
  constructor({ store, remedies }: Need, attempts: readonly string[]) {
    super(
      `No ${store} server can be started here. Any one of these helps:\n` +
        remedies.map((remedy, index) => `  ${index + 1}. ${remedy}\n`).join('') +
        `What was tried:\n${attempts.map((attempt) => `  - ${attempt}`).join('\n')}`,
    );
    this.name = 'StoreNotFoundError';
  }
}

/** Goes through the ways in order and returns what the first one that works found. */
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
