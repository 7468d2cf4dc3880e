import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mongo } from 'mongoose';
import { createSignalsCache, type SignalsCache } from '../../../../shared/cache/signals-cache';
import { serverEventId } from '../../../../shared/domain/event-id';
import { newChunkId, newPartnerTag, partnerIdOf, tenantOf, type UserRef } from '../../../../shared/domain/ids';
import { commitPartitionOf } from '../../../../shared/domain/partition';
import { connectRedis } from '../../../../shared/redis/connect';
import type { EventChunk } from '../../../../shared/queue/event-chunk';
import { type Committer, createCommitter } from '../../../../workers/events/committer';
import { createPartitionLocks } from '../../../../workers/events/partition-locks';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import type { OwnStore } from '../../../support/own-store';
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

/** Creates a chunk with one event for a new user of the tenant. */
function createChunk(tenant = tenantOf(partnerIdOf(newPartnerTag()), 'live')): { chunk: EventChunk; userRef: UserRef } {
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
    const committed = committer.commit(chunk, { lane: 'interactive', redelivered: false });
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
    const lock = keys.partitionLock(`${chunk.tenant}:${commitPartitionOf(userRef)}`);
    await queueLink.client.set(lock, 'another', 'EX', 600);
    const committed = committer.commit(chunk, { lane: 'interactive', redelivered: false });
    const outcome = committed.then(
      () => 'committed',
      (error: unknown) => error,
    );
    const reason = new Error('the worker is stopping');
    stopping.abort(reason);
    expect(await outcome).toBe(reason);
    await queueLink.client.del(lock);
    await expect(committer.commit(createChunk().chunk, { lane: 'interactive', redelivered: false })).rejects.toBe(
      reason,
    );
    expect(await countOf(chunk)).toBe(0);
  });

  it('fences cache slots before it reads rows, and puts rows before it releases the locks of their partitions', async () => {
    const order: string[] = [];
    const { locks, store } = deps;
    const users: typeof store.users = {
      ...store.users,
      rows: (tenants, refs, session) => {
        order.push('read');
        return store.users.rows(tenants, refs, session);
      },
    };
    const recording = createCommitter({
      ...deps,
      store: { ...store, users },
      cache: {
        fence: async (refs) => {
          const fence = await cache.fence(refs);
          order.push('fence');
          return fence;
        },
        putNewer: (rows, fence) => {
          order.push('put');
          return cache.putNewer(rows, fence);
        },
      },
      locks: {
        acquire: async (...args) => {
          const held = await locks.acquire(...args);
          return {
            ...held,
            release: () => {
              order.push('release');
              return held.release();
            },
          };
        },
      },
    });
    expect(await recording.commit(createChunk().chunk, { lane: 'interactive', redelivered: false })).toEqual([]);
    expect(order).toEqual(['fence', 'read', 'put', 'release']);
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
    expect(await retrying.commit(chunk, { lane: 'interactive', redelivered: false })).toEqual([]);
    expect(await countOf(chunk)).toBe(1);
  });

  describe('when the database rejects an event', () => {
    /** A committer whose first `count` transactions are rejected with an error that says nothing about the cause. */
    function rejectedCommitter(count: number): Committer {
      const { store } = h.ctx;
      let left = count;
      const transaction: typeof store.transaction = (...args) => {
        if (left === 0) return store.transaction(...args);
        left -= 1;
        return Promise.reject(
          new mongo.MongoServerError({ code: 1, errmsg: 'Internal("transaction already closed")' }),
        );
      };
      return createCommitter({ ...deps, store: { ...store, transaction } });
    }

    it('stores the event if another attempt succeeds', async () => {
      const { chunk } = createChunk();
      expect(await rejectedCommitter(2).commit(chunk, { lane: 'interactive', redelivered: false })).toEqual([]);
      expect(await countOf(chunk)).toBe(1);
    });

    it('gives up after three attempts, and reports the event as FAILED', async () => {
      const { chunk } = createChunk();
      const items = await rejectedCommitter(3).commit(chunk, { lane: 'interactive', redelivered: false });
      expect(items).toMatchObject([{ index: 0, outcome: 'FAILED', code: 'STORE_REFUSED' }]);
      expect(await countOf(chunk)).toBe(0);
    });
  });

  it('splits a group whose transaction takes longer than the database allows, until its parts are fast enough', async () => {
    const { store } = h.ctx;
    const sizes: number[] = [];
    const events = {
      ...store.events,
      insert: ((docs, session, docsPerOperation) => {
        sizes.push(docs.length);
        if (docs.length > 10) {
          const expired = { code: 290, codeName: 'TransactionExceededLifetimeLimit', errmsg: 'too slow' };
          return Promise.reject(new mongo.MongoServerError(expired));
        }
        return store.events.insert(docs, session, docsPerOperation);
      }) as typeof store.events.insert,
    };
    const slow = createCommitter({ ...deps, store: { ...store, events } });
    const chunks = Array.from({ length: 40 }, () => createChunk().chunk);
    const committed = chunks.map((chunk) => slow.commit(chunk, { lane: 'bulk', redelivered: false }));
    expect(await Promise.all(committed)).toEqual(chunks.map(() => []));
    expect(sizes).toEqual([40, 20, 10, 10, 20, 10, 10]);
  });

  describe('with two lanes', () => {
    const INTERACTIVE = { lane: 'interactive', redelivered: false } as const;
    const BULK = { lane: 'bulk', redelivered: false } as const;

    /** A committer whose transactions wait for `open` while `isHeld` matches their number. */
    function gatedCommitter(isHeld: (transaction: number) => boolean) {
      const { store } = h.ctx;
      let open = (): void => undefined;
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      let started = 0;
      let concurrent = 0;
      let mostConcurrent = 0;
      const transaction: typeof store.transaction = async (...args) => {
        started += 1;
        concurrent += 1;
        mostConcurrent = Math.max(mostConcurrent, concurrent);
        if (isHeld(started)) await opened;
        return store.transaction(...args).finally(() => (concurrent -= 1));
      };
      return {
        committer: createCommitter({ ...deps, store: { ...store, transaction } }),
        open,
        started: () => started,
        mostConcurrent: () => mostConcurrent,
      };
    }

    it('commits interactive events while all bulk commits are busy', async () => {
      const gated = gatedCommitter((transaction) => transaction <= 2);
      const bulk: Promise<unknown>[] = [];
      for (let n = 1; n <= 2; n += 1) {
        bulk.push(gated.committer.commit(createChunk().chunk, BULK));
        await waitUntil('the bulk commit has started', () => gated.started() === n);
      }
      bulk.push(gated.committer.commit(createChunk().chunk, BULK));
      expect(await gated.committer.commit(createChunk().chunk, INTERACTIVE)).toEqual([]);
      expect(gated.started()).toBe(3);
      gated.open();
      expect(await Promise.all(bulk)).toEqual([[], [], []]);
      expect(gated.mostConcurrent()).toBe(3);
    });

    it('commits interactive events while another interactive commit waits', async () => {
      const gated = gatedCommitter((transaction) => transaction === 1);
      const waiting = gated.committer.commit(createChunk().chunk, INTERACTIVE);
      await waitUntil('the first commit has started', () => gated.started() === 1);
      expect(await gated.committer.commit(createChunk().chunk, INTERACTIVE)).toEqual([]);
      gated.open();
      expect(await waiting).toEqual([]);
    });

    it('runs only one bulk commit at a time beside interactive commits', async () => {
      const gated = gatedCommitter((transaction) => transaction === 2);
      await gated.committer.commit(createChunk().chunk, INTERACTIVE);
      const first = gated.committer.commit(createChunk().chunk, BULK);
      await waitUntil('the first bulk commit has started', () => gated.started() === 2);
      await gated.committer.commit(createChunk().chunk, INTERACTIVE);
      const second = gated.committer.commit(createChunk().chunk, BULK);
      // Another interactive commit shows that the committer has had the chance to start the second bulk commit.
      await gated.committer.commit(createChunk().chunk, INTERACTIVE);
      expect(gated.started()).toBe(4);
      gated.open();
      expect(await Promise.all([first, second])).toEqual([[], []]);
      expect(gated.started()).toBe(5);
    });

    it("never commits a user's events from both lanes at the same time", async () => {
      const gated = gatedCommitter((transaction) => transaction === 1);
      const { chunk, userRef } = createChunk();
      const bulk = gated.committer.commit(chunk, BULK);
      await waitUntil('the bulk commit has started', () => gated.started() === 1);
      const next = createChunk(chunk.tenant).chunk;
      const ofSameUser = { ...next, events: next.events.map((event) => ({ ...event, userRef })) };
      const interactive = gated.committer.commit(ofSameUser, INTERACTIVE);
      // A commit of another tenant shows that the committer has had the chance to start one for the same user.
      expect(await gated.committer.commit(createChunk().chunk, INTERACTIVE)).toEqual([]);
      expect(gated.started()).toBe(2);
      gated.open();
      expect(await Promise.all([bulk, interactive])).toEqual([[], []]);
      expect(await h.ctx.store.users.model.findById(userRef).lean()).toMatchObject({ eventCount: 2, revision: 2 });
    });

    it('commits at most 1,000 bulk events per transaction', async () => {
      const sizes: number[] = [];
      const { store } = h.ctx;
      const events = {
        ...store.events,
        insert: ((docs, session, docsPerOperation) => {
          sizes.push(docs.length);
          return store.events.insert(docs, session, docsPerOperation);
        }) as typeof store.events.insert,
      };
      const recording = createCommitter({ ...deps, store: { ...store, events } });
      const chunks = Array.from({ length: 2_500 }, () => createChunk().chunk);
      await Promise.all(chunks.map((chunk) => recording.commit(chunk, BULK)));
      expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000);
      expect(sizes.reduce((total, size) => total + size, 0)).toBe(2_500);
    });
  });
});
