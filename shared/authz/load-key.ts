import { randomUUID } from 'node:crypto';
import { advancePastErasure } from '../redis/clock';
import type { RedisClient } from '../redis/link';
import type { RedisKeys } from '../redis/keys';
import { scripts } from '../redis/scripts';
import type { AuthorityStore } from './authority-store';
import { nodeRow } from './cached-rows';
import type { FinalBlock } from './credential';
import type { KeyLookups, PresentedKey } from './key-lookups';
import { blocked, unknownKey } from './rejections';

/** Lifetime of a cached row. After it expires, the row is read from MongoDB again. */
const ROW_TTL_MS = 3600 * 1000;
const LEASE_MS = 10_000;

/** The names of a row and of the lease on it. */
export type Slot = [row: string, lease: string];

/**
 * Creates a function that reads a key and its path from MongoDB and caches them under leases. Concurrent calls for a key
 * share one load. Throws if the key is unknown, or belonged to an agent that was revoked or has expired.
 */
export function createKeyLoader(deps: {
  redis: RedisClient;
  keys: RedisKeys;
  store: AuthorityStore;
  lookups: Pick<KeyLookups, 'lookUp'>;
  epochNow: () => string;
  keySlot: (tag: string, hash: string) => Slot;
  nodeSlot: (tag: string, id: string) => Slot;
}): (key: PresentedKey) => Promise<void> {
  const { redis, keys, store, lookups, epochNow, keySlot, nodeSlot } = deps;

  /**
   * Replaces a revoked or expired agent's credential row with a tombstone, so that requests with its key no longer cause
   * MongoDB reads. Does not need a lease, because the block is permanent. If the write fails, callers still get the same
   * error.
   */
  const writeTombstone = async (slot: Slot, epoch: string, block: FinalBlock): Promise<void> => {
    const tombstone = { run: epoch, path: block };
    const write = redis
      .multi()
      .del(...slot)
      .hset(slot[0], tombstone)
      .pexpire(slot[0], ROW_TTL_MS);
    await write.exec().catch(() => undefined);
  };

  const lease = (slots: string[]): Promise<[epoch: string, ...tokens: string[]]> =>
    scripts.leaseAuthority(redis, slots, [epochNow(), randomUUID(), LEASE_MS]);
  const fill = async (
    slot: Slot,
    { token, epoch }: { token: string; epoch: string },
    row: Record<string, string | number>,
  ): Promise<void> => {
    // The row is not missing: another reader has filled it, or it is fenced.
    if (token === '') return;
    await scripts.fillAuthority(redis, slot, [token, ROW_TTL_MS, epoch, ...Object.entries(row).flat()]);
  };

  const load = async (key: PresentedKey): Promise<void> => {
    const own = keySlot(key.tag, key.hash);
    let [ownEpoch, ownToken] = ['', ''];
    const stored = await lookups.lookUp(key, async () => {
      [ownEpoch, ownToken] = (await lease(own)) as [string, string];
      return store.key(key);
    });
    if (typeof stored === 'string') {
      await writeTombstone(own, ownEpoch, stored);
      throw blocked(stored);
    }
    const slots = stored.path.map((id) => nodeSlot(key.tag, id));
    const [epoch, ...tokens] = await lease(slots.flat());
    const { partnerId } = stored.facts;
    const [nodes, erasedAt] = await Promise.all([store.nodes(stored.path), store.latestErasure(partnerId)]);
    if (nodes.length !== stored.path.length) throw unknownKey();
    // Every server authorizes a key only after it has been loaded into that server. A server that lost the clock, or
    // whose clock is behind, therefore never assigns a time to an event that an earlier erasure covers.
    if (erasedAt) await advancePastErasure(redis, keys, partnerId, erasedAt);
    await Promise.all(nodes.map((node, n) => fill(slots[n]!, { token: tokens[n]!, epoch }, nodeRow(node))));
    await fill(
      own,
      { token: ownToken, epoch: ownEpoch },
      {
        path: stored.path.join(' '),
        scopes: ` ${stored.scopes.join(' ')} `,
        // Earlier versions require this field, but do not use it.
        body: JSON.stringify({ ...stored.facts, scopes: [] }),
        ...(stored.expiresAt ? { exp: stored.expiresAt.getTime() } : {}),
      },
    );
  };

  const loading = new Map<string, Promise<void>>();
  return (key) => {
    const running = loading.get(key.hash);
    if (running) return running;
    const work = load(key).finally(() => loading.delete(key.hash));
    loading.set(key.hash, work);
    return work;
  };
}
