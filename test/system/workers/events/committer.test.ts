import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createSignalsCache, type SignalsCache } from '../../../../shared/cache/signals-cache';
import { serverEventId } from '../../../../shared/domain/event-id';
import { newChunkId, newPartnerTag, partnerIdOf, tenantOf, type UserRef } from '../../../../shared/domain/ids';
import { partitionOf } from '../../../../shared/domain/partition';
import { connectRedis } from '../../../../shared/redis/connect';
import type { EventChunk } from '../../../../shared/queue/event-chunk';
import { type Committer, createCommitter } from '../../../../workers/events/committer';
import { createPartitionLocks } from '../../../../workers/events/partition-locks';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import type { OwnStore } from '../../../support/own-stores';
import { waitUntil } from '../../../support/wait-until';

const { closeAtEnd, ownRedis, serve } = faultEnvironment();
let h: Harness;
let cacheServer: OwnStore;
let cache: SignalsCache;
let stopping: AbortController;
let deps: Parameters<typeof createCommitter>[0];
let committer: Committer;
beforeAll(async () => {
  cacheServer = await ownRedis();
  h = await serve({ workers: false });
  const cacheLink = connectRedis(cacheServer.url, { kind: 'request', timeoutMs: 5_000 }, h.ctx.log);
  closeAtEnd(cacheLink);
  await cacheLink.whenReady(10_000);
  cache = createSignalsCache({ link: cacheLink, keys: h.ctx.keys, ttlSeconds: 600 });
});
beforeEach(() => {
  const { store, queueLink, keys, log, metrics, tracing } = h.ctx;
  stopping = new AbortController();
  const locks = createPartitionLocks(queueLink, keys);
  deps = { store, queueLink, keys, cache, locks, log, metrics, tracing, signal: stopping.signal };
  committer = createCommitter(deps);
});

/** Creates a chunk with one event for a new user. */
function createChunk(): { chunk: EventChunk; userRef: UserRef } {
  const tenant = tenantOf(partnerIdOf(newPartnerTag()), 'live');
  const chunkId = newChunkId(Date.now());
  const userRef = `u_${chunkId}` as UserRef;
  const event = {
    index: 0,
    eventId: serverEventId(tenant, chunkId, 0),
    userRef,
    eventType: 'mir.transaction.completed',
    occurredAtMs: null,
    weight: null,
    metadata: null,
    fingerprint: null,
  };
  const common = { agentId: null, receivedAtMs: Date.now(), requestIds: ['r'], shared: false };
  return { chunk: { ...common, chunkId, tenant, events: [event] }, userRef };
}

const countOf = (chunk: EventChunk) => h.ctx.store.events.model.countDocuments({ chunkId: chunk.chunkId });

describe('the committer', () => {
  it('rereads signals before it puts them into a cache that was down', async () => {
    const { chunk, userRef } = createChunk();
    await cacheServer.stop();
    const committed = committer.commit(chunk, false);
    await waitUntil('the event is stored', async () => (await countOf(chunk)) === 1);
    // Simulates a commit by another worker whose update of the cache was lost.
    await h.ctx.store.users.model.updateOne({ _id: userRef }, { $set: { eventCount: 9, revision: 9 } });
    await cacheServer.restart();
    expect(await committed).toEqual([]);
    expect(await cache.get(userRef)).toMatchObject({ eventCount: 9, revision: 9 });
  });

  it('rejects events that wait for a locked partition when the worker stops, and never stores them', async () => {
    const { chunk, userRef } = createChunk();
    const { queueLink, keys } = h.ctx;
    const lock = keys.partitionLock(partitionOf(userRef));
    await queueLink.client.set(lock, 'another', 'EX', 600);
    const committed = committer.commit(chunk, false);
    const outcome = committed.then(
      () => 'committed',
      (error: unknown) => error,
    );
    const reason = new Error('the worker is stopping');
    stopping.abort(reason);
    expect(await outcome).toBe(reason);
    await queueLink.client.del(lock);
    await expect(committer.commit(createChunk().chunk, false)).rejects.toBe(reason);
    expect(await countOf(chunk)).toBe(0);
  });

  it('puts rows into the cache before it releases the locks of their partitions', async () => {
    const order: string[] = [];
    const { locks } = deps;
    const recording = createCommitter({
      ...deps,
      cache: {
        putNewer: (rows) => {
          order.push('put');
          return cache.putNewer(rows);
        },
      },
      locks: {
        ...locks,
        release: (...args) => {
          order.push('release');
          return locks.release(...args);
        },
      },
    });
    expect(await recording.commit(createChunk().chunk, false)).toEqual([]);
    expect(order).toEqual(['put', 'release']);
  });

  it('retries a commit for which it cannot open a session', async () => {
    const { store } = h.ctx;
    let attempts = 0;
    const openSession: typeof store.openSession = () => {
      attempts += 1;
      return attempts === 1 ? Promise.reject(new Error('no session')) : store.openSession();
    };
    const { chunk } = createChunk();
    const retrying = createCommitter({ ...deps, store: { ...store, openSession } });
    expect(await retrying.commit(chunk, false)).toEqual([]);
    expect(await countOf(chunk)).toBe(1);
  });
});
