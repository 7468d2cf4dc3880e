import type { Redis } from 'ioredis';
import type { QueueDurability } from '../config/settings';
import { overloaded } from '../errors';
import type { Log } from '../log';
import { connectRedis } from './connect';
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

/** Confirms that a server has synced writes. */
export interface FsyncConfirmer {
  /** The identity of the server, or null while the confirmer is not connected to it. */
  serverId(): string | null;
  /**
   * Resolves once the server with this identity, and a replica in `replicated` mode, have synced everything written so
   * far. `probe` is a key of this server. Throws OVERLOADED if the server does not confirm this.
   */
  confirm(serverId: string | null, probe: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Creates a confirmer with a connection of its own. Returns null if the server syncs before it replies. Throws if it
 * cannot provide the durability.
 */
export async function createFsyncConfirmer(
  client: Redis,
  { url, mode, log }: { url: string; mode: Exclude<QueueDurability, 'everysec'>; log: Log },
): Promise<FsyncConfirmer | null> {
  if (!(await requireDurability(client, mode))) return null;
  const own = connectRedis(url, { kind: 'request', timeoutMs: FSYNC_TIMEOUT_MS + 500 }, log);
  await own.whenReady(CONNECT_TIMEOUT_MS).catch(async (error: unknown) => {
    await own.close();
    throw error;
  });
  return {
    serverId: () => own.serverId(),
    confirm: createWaiter(own.primaryOf(''), () => own.runId() !== null, mode === 'replicated' ? 1 : 0),
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
  probe: string;
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
function createWaiter(client: Redis, isConnected: () => boolean, replicas: 0 | 1): FsyncConfirmer['confirm'] {
  /** Returns the identity of the server that confirmed the fsync. Rejects if the connection or the replica is lost. */
  const confirm = async (probe: string, timeoutMs: number): Promise<string> => {
    if (!isConnected()) throw new Error('not connected to the queue Redis');
    const giveUpAt = performance.now() + timeoutMs;
    const writing = client.set(probe, '1');
    for (;;) {
      const leftMs = Math.max(1, Math.ceil(giveUpAt - performance.now()));
      const waitMs = replicas > 0 ? Math.min(leftMs, REPLICA_POLL_MS) : leftMs;
      const [, [syncedServers, syncedReplicas], { serverId, connectedReplicas }] = await Promise.all([
        writing,
        // Returns the counts after the timeout, too.
        client.call('WAITAOF', '1', String(replicas), String(waitMs)) as Promise<[number, number]>,
        // Redis runs this after the wait, so the result shows whether the server has been a replica since the write.
        readServerIdentity(client),
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
      const [{ probe, sinceMs }] = waiters as [Waiter, ...Waiter[]];
      const waitedMs = performance.now() - sinceMs;
      const confirmedBy = await confirm(probe, Math.max(MIN_WAIT_MS, Math.ceil(FSYNC_TIMEOUT_MS - waitedMs)));
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
  return (serverId, probe) =>
    new Promise((resolve, reject) => {
      waiting.push({ serverId, probe, sinceMs: performance.now(), resolve, reject });
      if (running) return;
      running = true;
      setImmediate(() => void run());
    });
}
