import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createSignalsCache, type SignalsCache } from '../../../../shared/cache/signals-cache';
import { serverEventId } from '../../../../shared/domain/event-id';
import { newChunkId, newPartnerTag, partnerIdOf, tenantOf, type UserRef } from '../../../../shared/domain/ids';
import { partitionOf } from '../../../../shared/domain/partition';
import { connectRedis, type RedisLink } from '../../../../shared/redis/connect';
import type { EventChunk } from '../../../../shared/queue/event-chunk';
import { type Committer, createCommitter } from '../../../../workers/events/committer';
import { createPartitionLocks } from '../../../../workers/events/partition-locks';
import { type Harness, startHarness } from '../../../support/harness';
import { type OwnStore, ownStores } from '../../../support/own-stores';
import { waitUntil } from '../../../support/wait-until';

let h: Harness;
let cacheLink: RedisLink;
afterAll(async () => {
  await cacheLink.close();
  await h.close();
});
const { ownRedis } = ownStores();
let cacheServer: OwnStore;
let cache: SignalsCache;
let giveUp: AbortController;
let committer: Committer;
beforeAll(async () => {
  cacheServer = await ownRedis();
  h = await startHarness({ workers: false });
  cacheLink = connectRedis(cacheServer.url, { kind: 'request', timeoutMs: 5_000 }, h.ctx.log);
  await cacheLink.whenReady(10_000);
  cache = createSignalsCache({ link: cacheLink, keys: h.ctx.keys, ttlSeconds: 600 });
});
beforeEach(() => {
  const { store, queueLink, keys, log, metrics, tracing } = h.ctx;
  giveUp = new AbortController();
  const locks = createPartitionLocks(queueLink, keys);
  committer = createCommitter({ store, queueLink, keys, cache, locks, log, metrics, tracing, signal: giveUp.signal });
});

/** A chunk of one event of a new user. */
function aChunk(): { chunk: EventChunk; userRef: UserRef } {
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
  it('signals that could not be put while the cache was away are read again before they are', async () => {
    const { chunk, userRef } = aChunk();
    await cacheServer.stop();
    const committed = committer.commit(chunk, false);
    await waitUntil('the event is stored', async () => (await countOf(chunk)) === 1);
    // As another worker leaves it whose put came to the cache and was lost there.
    await h.ctx.store.users.model.updateOne({ _id: userRef }, { $set: { eventCount: 9, revision: 9 } });
    await cacheServer.startAgain();
    expect(await committed).toEqual([]);
    expect(await cache.get(userRef)).toMatchObject({ eventCount: 9, revision: 9 });
  });

  it('events that wait for partitions of another process are given back when the worker stops, and not stored later', async () => {
    const { chunk, userRef } = aChunk();
    const { queueLink, keys } = h.ctx;
    const lock = keys.partitionLock(partitionOf(userRef));
    await queueLink.client.set(lock, 'another', 'EX', 600);
    const committed = committer.commit(chunk, false);
    const outcome = committed.then(
      () => 'committed',
      (error: unknown) => error,
    );
    const reason = new Error('the worker stops');
    giveUp.abort(reason);
    expect(await outcome).toBe(reason);
    await queueLink.client.del(lock);
    await expect(committer.commit(aChunk().chunk, false)).rejects.toBe(reason);
    expect(await countOf(chunk)).toBe(0);
  });

  it('rows are on their way into the cache before other processes may commit to their partitions', async () => {
    const { store, queueLink, keys, log, metrics, tracing } = h.ctx;
    const order: string[] = [];
    const locks = createPartitionLocks(queueLink, keys);
    const watched = createCommitter({
      store,
      queueLink,
      keys,
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
      log,
      metrics,
      tracing,
      signal: giveUp.signal,
    });
    expect(await watched.commit(aChunk().chunk, false)).toEqual([]);
    expect(order).toEqual(['put', 'release']);
  });

  it('a commit that cannot even be begun keeps nobody waiting permanently: it is begun again', async () => {
    const { store, queueLink, keys, log, metrics, tracing } = h.ctx;
    let rejected = 0;
    const openSession: typeof store.openSession = () => {
      rejected += 1;
      return rejected === 1 ? Promise.reject(new Error('no session')) : store.openSession();
    };
    const locks = createPartitionLocks(queueLink, keys);
    const deps = {
      store: { ...store, openSession },
      queueLink,
      keys,
      cache,
      locks,
      log,
      metrics,
      tracing,
      signal: giveUp.signal,
    };
    const { chunk } = aChunk();
    expect(await createCommitter(deps).commit(chunk, false)).toEqual([]);
    expect(await countOf(chunk)).toBe(1);
  });
});
