import type { Redis } from 'ioredis';
import { overloaded } from '../platform/errors';
import { tickBatch } from '../platform/tick-batch';
import type { RedisKeys } from './keys';

/** With `appendfsync everysec` an fsync comes within a second or two. */
const FSYNC_TIMEOUT_MS = 3_000;
const MAX_WAITERS = 100_000;

/** Waits until what was written before the call is on the queue store's disk. */
export type AwaitDurable = () => Promise<void>;

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
 * WAITAOF (Redis 7.2+, Valkey) on a connection of its own, behind a write that is newer than what must be safe.
 * Throws one readable message when the server can give neither.
 */
export async function createDurability(
  redis: Redis,
  mode: 'everysec' | 'fsync',
  keys: RedisKeys,
): Promise<{ wait: AwaitDurable; close(): Promise<void> }> {
  if (mode === 'everysec') return { wait: () => Promise.resolve(), close: () => Promise.resolve() };
  const { appendonly, appendfsync } = await appendOnlyMode(redis);
  if (appendonly !== 'yes') {
    throw new Error('QUEUE_DURABILITY=fsync needs `appendonly yes` on the server at REDIS_URL; it is off there.');
  }
  if (appendfsync === 'always') return { wait: () => Promise.resolve(), close: () => Promise.resolve() };
  const info = (await redis.call('COMMAND', 'INFO', 'WAITAOF')) as unknown[];
  if (!info[0]) {
    throw new Error(
      'QUEUE_DURABILITY=fsync needs `appendfsync always`, or a server with WAITAOF (Redis 7.2+, Valkey); the one at REDIS_URL has neither.',
    );
  }
  const own = redis.duplicate({ enableOfflineQueue: true, commandTimeout: FSYNC_TIMEOUT_MS + 500 });
  own.on('error', () => undefined);
  interface Waiter {
    resolve: () => void;
    reject: (error: Error) => void;
  }
  const flush = async (waiters: Waiter[]): Promise<void> => {
    try {
      const [, answer] = await Promise.all([
        own.set(keys.fsyncProbe(), '1'),
        own.call('WAITAOF', '1', '0', String(FSYNC_TIMEOUT_MS)) as Promise<[number, number]>,
      ]);
      if (answer[0] < 1) throw new Error('the fsync did not finish in time');
      waiters.forEach(({ resolve }) => resolve());
    } catch (error) {
      const failure = overloaded('The events are queued, but their fsync is not confirmed. Send them again.', 2, error);
      waiters.forEach(({ reject }) => reject(failure));
    }
  };
  const soon = tickBatch<Waiter>((waiters) => void flush(waiters), MAX_WAITERS);
  return {
    wait: () => new Promise((resolve, reject) => soon({ resolve, reject })),
    close: async () => {
      await own.quit().catch(() => own.disconnect());
    },
  };
}
