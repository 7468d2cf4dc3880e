import type { QueueDurability } from '../config/settings';
import { overloaded } from '../errors';
import type { Log } from '../log';
import { createFsyncConfirmer, type FsyncConfirmer } from './confirm-fsync';
import { type ClusterEndpoint, parseRedisUrl, urlOfNode } from '../config/redis-url';
import type { RedisKeys } from './keys';
import type { RedisLink } from './link';

/** Makes writes to the queue Redis as durable as QUEUE_DURABILITY requires. */
export interface FsyncGuard {
  /**
   * Call this before a write to some keys. The returned function resolves once the write is durable. It throws
   * OVERLOADED if Redis does not confirm this. The confirmation counts only if it comes from the servers that accepted
   * the write, because a server that restarted or was a replica in between may have lost it.
   */
  beforeWrite(keys: readonly string[]): () => Promise<void>;
  close(): Promise<void>;
}

export const NO_FSYNC: FsyncGuard = { beforeWrite: () => () => Promise.resolve(), close: () => Promise.resolve() };

interface Deps {
  link: RedisLink;
  url: string;
  mode: QueueDurability;
  keys: RedisKeys;
  log: Log;
}

/**
 * Creates the fsync guard. In `everysec` mode, it does not wait. In `fsync` mode, it does not wait if the server has
 * `appendfsync always`, because each reply then follows an fsync. Otherwise, after the caller's write, it writes a probe
 * key on its own connection and sends WAITAOF. In `replicated` mode, a replica must have synced the write, too. Throws if
 * a server cannot provide the durability.
 */
export async function createFsyncGuard({ link, url, mode, keys, log }: Deps): Promise<FsyncGuard> {
  if (mode === 'everysec') return NO_FSYNC;
  if (link.layout === 'cluster') return createClusterGuard({ link, url, mode, keys, log });
  const confirmer = await createFsyncConfirmer(link.primaryOf(keys.fsyncProbe()), { url, mode, log });
  if (confirmer === null) return NO_FSYNC;
  return {
    beforeWrite: () => {
      const serverId = link.serverId();
      return () => confirmer.confirm(serverId, keys.fsyncProbe());
    },
    close: () => confirmer.close(),
  };
}

const addressOf = ({ options: { host, port } }: ReturnType<RedisLink['primaryOf']>): string => `${host}:${port}`;

/**
 * Confirms writes on each primary that has one of the keys. A primary that appears later, such as a promoted replica, is
 * checked and connected before the first write to it.
 */
async function createClusterGuard({
  link,
  url,
  mode,
  keys,
  log,
}: Deps & { mode: Exclude<QueueDurability, 'everysec'> }): Promise<FsyncGuard> {
  const endpoint = parseRedisUrl(url) as ClusterEndpoint;
  const confirmers = new Map<string, Promise<FsyncConfirmer | null>>();
  const close = async (confirmer: Promise<FsyncConfirmer | null>): Promise<void> => {
    await confirmer.then(
      (opened) => opened?.close(),
      () => undefined,
    );
  };
  const confirmerOf = (primary: ReturnType<RedisLink['primaryOf']>): Promise<FsyncConfirmer | null> => {
    const address = addressOf(primary);
    const known = confirmers.get(address);
    if (known) return known;
    const current = new Set(link.primaries().map(addressOf));
    for (const [former, confirmer] of confirmers) {
      if (current.has(former)) continue;
      confirmers.delete(former);
      void close(confirmer);
    }
    const opening = createFsyncConfirmer(primary, { url: urlOfNode(endpoint, address), mode, log });
    confirmers.set(address, opening);
    opening.catch(() => confirmers.delete(address));
    return opening;
  };
  await Promise.all(link.primaries().map(confirmerOf));

  /** Returns a key to write on each server, by the server's address. */
  const probesOf = (written: readonly string[]): Map<string, string> =>
    new Map(written.map((key) => [addressOf(link.primaryOf(key)), keys.fsyncProbeBeside(key)]));

  return {
    beforeWrite: (written) => {
      const before = (async () => {
        const confirmed = await Promise.all(
          written.map(async (key) => {
            const primary = link.primaryOf(key);
            const confirmer = await confirmerOf(primary);
            return { address: addressOf(primary), confirmer, serverId: confirmer?.serverId() ?? null };
          }),
        );
        return new Map(confirmed.map((one) => [one.address, one]));
      })();
      before.catch(() => undefined);
      return async () => {
        try {
          const servers = await before;
          const waits = [...probesOf(written)].map(async ([address, probe]) => {
            const server = servers.get(address);
            if (server === undefined) throw new Error('the keys have moved to another server');
            await server.confirmer?.confirm(server.serverId, probe);
          });
          await Promise.all(waits);
        } catch (error) {
          throw overloaded('FSYNC_UNCONFIRMED', 2, error);
        }
      };
    },
    close: async () => {
      await Promise.all([...confirmers.values()].map(close));
    },
  };
}
