import type { QueueDurability } from '../config/settings';
import { overloaded } from '../errors';
import type { Log } from '../log';
import { connectRedis, type RedisLink } from './connect';
import type { RedisKeys } from './keys';
import { requireDurability } from './require-durability';
import { readServerIdentity } from './server-identity';

/**
 * With `appendfsync everysec`, an fsync takes up to two seconds, and a caller that arrives during one fsync also waits
 * for the next.
 */
const FSYNC_TIMEOUT_MS = 4_000;
/** Minimum time to wait for an fsync, to avoid a tight loop of short waits. */
const MIN_WAIT_MS = 100;
/**
 * How often to ask again whether a replica has synced a write. Each WAITAOF makes the replicas report their progress,
 * which they otherwise do only once per second.
 */
const REPLICA_POLL_MS = 50;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Runs a write to the queue Redis and returns its result once the write is as durable as QUEUE_DURABILITY requires.
 * Throws OVERLOADED if Redis does not confirm this durability. Rethrows errors from the write.
 */
export type WithFsync = <T>(write: () => Promise<T>) => Promise<T>;

export interface FsyncGuard {
  withFsync: WithFsync;
  close(): Promise<void>;
}

const NO_WAIT: FsyncGuard = { withFsync: (write) => write(), close: () => Promise.resolve() };

/**
 * Creates the fsync guard. In `everysec` mode, the guard does not wait. In `fsync` mode, it does not wait if the server
 * has `appendfsync always`, because each reply then follows an fsync. Otherwise, after the caller's write, it writes a
 * probe key on its own connection and sends WAITAOF. In `replicated` mode, a replica must have synced the write, too.
 * The confirmation counts only if it comes from the server that accepted the write, because a server that restarted or
 * was a replica in between may have lost the write. Throws if the server cannot provide the durability.
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
  mode: QueueDurability;
  keys: RedisKeys;
  log: Log;
}): Promise<FsyncGuard> {
  if (mode === 'everysec' || !(await requireDurability(link.client, mode))) return NO_WAIT;
  const own = connectRedis(url, { kind: 'request', timeoutMs: FSYNC_TIMEOUT_MS + 500 }, log);
  await own.whenReady(CONNECT_TIMEOUT_MS).catch(async (error: unknown) => {
    await own.close();
    throw error;
  });
  const wait = fsyncWaiter(own, keys, mode === 'replicated' ? 1 : 0);
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

/** Thrown when the server responds, but the disk or the replica is too slow. */
class FsyncLate extends Error {
  constructor() {
    super('the write was not synced in time');
    this.name = 'FsyncLate';
  }
}

interface Waiter {
  serverId: string | null;
  /** From `performance.now()`. */
  sinceMs: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * Returns a function that waits until a server and the given number of its replicas have synced everything written so
 * far. Callers that arrive during a wait share the next one, because a connection processes its waits one after another.
 * `coalesce` is unsuitable, because it would start a wait in every turn of the event loop.
 */
function fsyncWaiter(own: RedisLink, keys: RedisKeys, replicas: 0 | 1): (serverId: string | null) => Promise<void> {
  /** Returns the identity of the server that confirmed the fsync. Rejects if the connection or the replica is lost. */
  const confirm = async (timeoutMs: number): Promise<string> => {
    if (own.runId() === null) throw new Error('not connected to the queue Redis');
    const giveUpAt = performance.now() + timeoutMs;
    const probe = own.client.set(keys.fsyncProbe(), '1');
    for (;;) {
      const leftMs = Math.max(1, Math.ceil(giveUpAt - performance.now()));
      const waitMs = replicas > 0 ? Math.min(leftMs, REPLICA_POLL_MS) : leftMs;
      const [, [syncedServers, syncedReplicas], { serverId, connectedReplicas }] = await Promise.all([
        probe,
        // Returns the counts after the timeout, too.
        own.client.call('WAITAOF', '1', String(replicas), String(waitMs)) as Promise<[number, number]>,
        // Redis runs this after the wait, so the result shows whether the server has been a replica since the write.
        readServerIdentity(own.client),
      ]);
      if (syncedServers >= 1 && syncedReplicas >= replicas) return serverId;
      if (connectedReplicas < replicas) throw new Error('no replica is connected to the queue Redis');
      if (performance.now() >= giveUpAt) throw new FsyncLate();
    }
  };
  const rejectWaiter = ({ reject }: Waiter, cause: unknown): void => reject(overloaded('FSYNC_UNCONFIRMED', 2, cause));
  let waiting: Waiter[] = [];
  const confirmAll = async (waiters: readonly Waiter[]): Promise<void> => {
    try {
      const waitedMs = performance.now() - waiters[0]!.sinceMs;
      const confirmedBy = await confirm(Math.max(MIN_WAIT_MS, Math.ceil(FSYNC_TIMEOUT_MS - waitedMs)));
      for (const waiter of waiters) {
        if (waiter.serverId === confirmedBy) waiter.resolve();
        else rejectWaiter(waiter, new Error('the queue Redis restarted or failed over after the write'));
      }
    } catch (error) {
      // Only the oldest waiters have timed out. The others move to the head of the next group.
      const oldestMs = performance.now() - FSYNC_TIMEOUT_MS + MIN_WAIT_MS;
      const canWait = (waiter: Waiter): boolean => error instanceof FsyncLate && waiter.sinceMs > oldestMs;
      for (const waiter of waiters) if (!canWait(waiter)) rejectWaiter(waiter, error);
      waiting = [...waiters.filter(canWait), ...waiting];
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
