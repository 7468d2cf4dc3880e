import type { Redis } from 'ioredis';
import { overloaded } from '../errors';
import type { Log } from '../log';
import { connectRedis, type RedisLink } from './connect';
import type { RedisKeys } from './keys';
import { readServerIdentity } from './server-identity';

/** With `appendfsync everysec` an fsync comes within a second or two, and who comes late waits for two of them. */
const FSYNC_TIMEOUT_MS = 4_000;
/** An fsync is waited for at least this long: less would only ask again and again. */
const MIN_WAIT_MS = 100;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Runs a write to the queue store and resolves with its result when that is as safe as asked. Throws OVERLOADED when
 * it is not certain, and what the write throws.
 */
export type WithFsync = <T>(write: () => Promise<T>) => Promise<T>;

export interface FsyncGuard {
  withFsync: WithFsync;
  close(): Promise<void>;
}

const AS_IT_IS: FsyncGuard = { withFsync: (write) => write(), close: () => Promise.resolve() };

/** How the server syncs its append-only file. */
async function appendOnlyMode(redis: Redis): Promise<{ isOn: boolean; syncsAlways: boolean }> {
  const isOn = /^aof_enabled:1/m.test(await redis.info('persistence'));
  // Managed servers forbid CONFIG; then an fsync is waited for that may have been.
  const syncsAlways = await redis.config('GET', 'appendfsync').then(
    (answer) => (answer as string[])[1] === 'always',
    () => false,
  );
  return { isOn, syncsAlways };
}

/**
 * `everysec`: nothing to wait for. `fsync`: with `appendfsync always` every answer comes after its fsync; else a
 * WAITAOF (Redis 7.2+, Valkey) on a connection of its own, behind a write that is newer than what must be safe. It
 * counts only if the same server took the write: one that restarted or was a replica in between may have lost it, and
 * would confirm its own file all the same. Rejects with one readable message when the server can give neither.
 */
export async function createFsyncGuard({
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
}): Promise<FsyncGuard> {
  if (mode === 'everysec') return AS_IT_IS;
  const { isOn, syncsAlways } = await appendOnlyMode(link.client);
  if (!isOn) {
    throw new Error('QUEUE_DURABILITY=fsync needs `appendonly yes` on the server at REDIS_URL; it is off there.');
  }
  if (syncsAlways) return AS_IT_IS;
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
    withFsync: async (write) => {
      const serverId = link.serverId();
      const result = await write();
      await wait(serverId);
      return result;
    },
    close: () => own.close(),
  };
}

/** The server was reached, and its disk was slow. */
class FsyncLate extends Error {
  constructor() {
    super('the fsync did not finish in time');
    this.name = 'FsyncLate';
  }
}

interface Waiter {
  serverId: string | null;
  /** Of `performance.now`. */
  sinceMs: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * Waits for the fsync of everything written before, on the server of that identity. Callers that arrive during a wait
 * share the next one: on one connection, each would otherwise wait for an fsync of its own, one after the other. This is
 * why it does not use `coalesce`, which would start one wait for each turn of the event loop.
 */
function fsyncWaiter(own: RedisLink, keys: RedisKeys): (serverId: string | null) => Promise<void> {
  /** Returns the identity of the server that confirmed. A lost connection rejects: nothing is sent twice. */
  const confirm = async (timeoutMs: number): Promise<string> => {
    if (own.runId() === null) throw new Error('the queue store is not reachable');
    const [, answer, { serverId }] = await Promise.all([
      own.client.set(keys.fsyncProbe(), '1'),
      own.client.call('WAITAOF', '1', '0', String(timeoutMs)) as Promise<[number, number]>,
      // Read after the fsync: a server that became a replica and a primary again since the write has a new one.
      readServerIdentity(own.client),
    ]);
    if (answer[0] < 1) throw new FsyncLate();
    return serverId;
  };
  const rejectWaiter = ({ reject }: Waiter, cause: unknown): void => reject(overloaded('FSYNC_UNCONFIRMED', 2, cause));
  let waiting: Waiter[] = [];
  const confirmAll = async (waiters: readonly Waiter[]): Promise<void> => {
    try {
      const waitedMs = performance.now() - waiters[0]!.sinceMs;
      const confirmedBy = await confirm(Math.max(MIN_WAIT_MS, Math.ceil(FSYNC_TIMEOUT_MS - waitedMs)));
      for (const waiter of waiters) {
        if (waiter.serverId === confirmedBy) waiter.resolve();
        else rejectWaiter(waiter, new Error('the queue store restarted or failed over after the write'));
      }
    } catch (error) {
      // The time of the oldest is over. Whoever came later may still wait, at the head of the next group.
      const oldestMs = performance.now() - FSYNC_TIMEOUT_MS + MIN_WAIT_MS;
      const mayWait = (waiter: Waiter): boolean => error instanceof FsyncLate && waiter.sinceMs > oldestMs;
      for (const waiter of waiters) if (!mayWait(waiter)) rejectWaiter(waiter, error);
      waiting = [...waiters.filter(mayWait), ...waiting];
    }
  };
  let running = false;
  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const waiters = waiting;
      waiting = [];
      await confirmAll(waiters);
    }
    running = false;
  };
  return (serverId) =>
    new Promise((resolve, reject) => {
      waiting.push({ serverId, sinceMs: performance.now(), resolve, reject });
      if (running) return;
      running = true;
      setImmediate(() => void run());
    });
}
