import type { Redis } from 'ioredis';
import { overloaded } from '../platform/errors';
import type { Log } from '../platform/log';
import { tickBatch } from '../platform/tick-batch';
import { connectRedis, type RedisLink } from './connect';
import type { RedisKeys } from './keys';

/** With `appendfsync everysec` an fsync comes within a second or two. */
const FSYNC_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_WAITERS = 100_000;

/**
 * Runs a write to the queue store and resolves with its result when that is as safe as asked. Throws OVERLOADED when
 * it is not certain, and what the write throws.
 */
export type Durably = <T>(write: () => Promise<T>) => Promise<T>;

export interface Durability {
  durably: Durably;
  close(): Promise<void>;
}

const AS_IT_IS: Durability = { durably: (write) => write(), close: () => Promise.resolve() };

/** How the server syncs its append-only file, or why it cannot be told. */
async function appendOnlyMode(redis: Redis): Promise<{ appendonly: string; appendfsync: string }> {
  const read = async (name: string): Promise<string> => {
    const answer = (await redis.config('GET', name)) as string[];
    return answer[1] ?? 'unknown';
  };
  return { appendonly: await read('appendonly'), appendfsync: await read('appendfsync') };
}

/**
 * `everysec`: nothing to wait for. `fsync`: with `appendfsync always` every answer comes after its fsync; else a
 * WAITAOF (Redis 7.2+, Valkey) on a connection of its own, behind a write that is newer than what must be safe. It
 * counts only if the same server process took the write: one that restarted in between may have lost it, and would
 * confirm its own file all the same. Rejects with one readable message when the server can give neither.
 */
export async function createDurability({
  link,
  url,
  mode,
  keys,
  log,
}: {
  link: RedisLink;
  url: string;
  mode: 'everysec' | 'fsync';
  keys: RedisKeys;
  log: Log;
}): Promise<Durability> {
  if (mode === 'everysec') return AS_IT_IS;
  const { appendonly, appendfsync } = await appendOnlyMode(link.client);
  if (appendonly !== 'yes') {
    throw new Error('QUEUE_DURABILITY=fsync needs `appendonly yes` on the server at REDIS_URL; it is off there.');
  }
  if (appendfsync === 'always') return AS_IT_IS;
  const info = (await link.client.call('COMMAND', 'INFO', 'WAITAOF')) as unknown[];
  if (!info[0]) {
    throw new Error(
      'QUEUE_DURABILITY=fsync needs `appendfsync always`, or a server with WAITAOF (Redis 7.2+, Valkey); the one at REDIS_URL has neither.',
    );
  }
  const own = connectRedis(url, { kind: 'request', timeoutMs: FSYNC_TIMEOUT_MS + 500 }, log);
  await own.whenReady(CONNECT_TIMEOUT_MS).catch(async (error: unknown) => {
    await own.close();
    throw error;
  });
  const wait = fsyncWaiter(own, keys);
  return {
    durably: async (write) => {
      const runId = link.runId();
      const result = await write();
      await wait(runId);
      return result;
    },
    close: () => own.close(),
  };
}

/** Waits for the fsync of everything written before, on the server process of that run id. Waits of one turn share it. */
function fsyncWaiter(own: RedisLink, keys: RedisKeys): (runId: string | null) => Promise<void> {
  interface Waiter {
    runId: string | null;
    resolve: () => void;
    reject: (error: Error) => void;
  }
  /** Answers the run id of the server that confirmed. A lost connection rejects: nothing is sent twice. */
  const confirm = async (): Promise<string> => {
    const runId = own.runId();
    if (runId === null) throw new Error('the queue store is not reachable');
    const [, answer] = await Promise.all([
      own.client.set(keys.fsyncProbe(), '1'),
      own.client.call('WAITAOF', '1', '0', String(FSYNC_TIMEOUT_MS)) as Promise<[number, number]>,
    ]);
    if (answer[0] < 1) throw new Error('the fsync did not finish in time');
    return runId;
  };
  const refuse = ({ reject }: Waiter, cause: unknown): void =>
    reject(overloaded('The events are queued, but their fsync is not confirmed. Send them again.', 2, cause));
  const flush = async (waiters: Waiter[]): Promise<void> => {
    try {
      const confirmedBy = await confirm();
      for (const waiter of waiters) {
        if (waiter.runId === confirmedBy) waiter.resolve();
        else refuse(waiter, new Error('the queue store restarted after the write'));
      }
    } catch (error) {
      waiters.forEach((waiter) => refuse(waiter, error));
    }
  };
  const soon = tickBatch<Waiter>((waiters) => void flush(waiters), MAX_WAITERS);
  return (runId) => new Promise((resolve, reject) => soon({ runId, resolve, reject }));
}
