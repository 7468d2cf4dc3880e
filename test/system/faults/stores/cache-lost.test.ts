import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { NO_FENCE, type RowLease } from '../../../../shared/cache/versioned-cache';
import { createSignalsCache, type SignalsCache } from '../../../../shared/cache/signals-cache';
import type { UserRef } from '../../../../shared/domain/ids';
import type { SignalsRow } from '../../../../shared/domain/signals';
import {
  submitUntilAccepted,
  type ExpectedState,
  waitUntilDrained,
  expectBalanced,
  newExpectedState,
  someEvents,
} from '../../../support/expected-state';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { expectFromCache, resolveUser } from '../../../support/resolve-user';
import { viewQueue } from '../../../support/queue-view';
import type { OwnStore } from '../../../support/own-store';
import { waitUntil } from '../../../support/wait-until';

const { ownRedis, serve } = faultEnvironment();
let mir: Harness;
let cache: OwnStore;
beforeAll(async () => {
  cache = await ownRedis();
  mir = await serve({ env: { CACHE_REDIS_URL: cache.url, DRAIN_TIMEOUT_MS: '300' } });
});

const resolveFirst = ({ partner }: ExpectedState) => resolveUser(mir, partner, 'u-0');
const expectCached = ({ partner }: ExpectedState, eventCount: number) =>
  expectFromCache(mir, partner, 'u-0', { eventCount });

describe('loss of the cache', () => {
  it('returns correct signals from MongoDB after a flush, then from the cache again', async () => {
    const expectedState = newExpectedState(await mir.partner());
    await submitUntilAccepted(mir.client, expectedState, someEvents(30, 3));
    await waitUntilDrained(mir);
    await expectCached(expectedState, 10);
    await mir.ctx.cacheLink.client.flushdb();
    expect(await resolveFirst(expectedState)).toMatchObject({ source: 'store', eventCount: 10 });
    await expectCached(expectedState, 10);
    await submitUntilAccepted(mir.client, expectedState, someEvents(30, 3));
    await waitUntilDrained(mir);
    await expectCached(expectedState, 20);
    await expectBalanced(mir, expectedState);
  });

  it('returns signals from MongoDB while the cache is down, and finishes open jobs once it is back', async () => {
    const expectedState = newExpectedState(await mir.partner());
    await submitUntilAccepted(mir.client, expectedState, someEvents(30, 3));
    await waitUntilDrained(mir);
    await cache.stop();
    expect(await resolveFirst(expectedState)).toMatchObject({ source: 'store', eventCount: 10 });
    await submitUntilAccepted(mir.client, expectedState, someEvents(30, 3));
    await waitUntil('the events are stored', async () => (await resolveFirst(expectedState)).eventCount === 20);
    // The cache is not up to date yet, so the chunk stays open and no watermark includes it.
    expect(await viewQueue(mir).queue.getActiveCount()).toBeGreaterThan(0);
    await cache.restart();
    await waitUntilDrained(mir);
    await expectCached(expectedState, 20);
    await expectBalanced(mir, expectedState);
  });

  it('does not return rows that the cache server kept across a restart', async () => {
    const expectedState = newExpectedState(await mir.partner());
    await submitUntilAccepted(mir.client, expectedState, someEvents(30, 3));
    await waitUntilDrained(mir);
    await cache.stop();
    await submitUntilAccepted(mir.client, expectedState, someEvents(30, 3));
    await waitUntil('the events are stored', async () => (await resolveFirst(expectedState)).eventCount === 20);
    await mir.stopWorkers();
    await cache.restart();
    const { cacheLink } = mir.ctx;
    await cacheLink.whenReady(10_000);
    const keptKeys = (await cacheLink.client.keys('*:signals:*')).filter((key) => !key.includes(cacheLink.runId()!));
    expect(keptKeys.length).toBeGreaterThanOrEqual(3);
    expect(await resolveFirst(expectedState)).toMatchObject({ source: 'store', eventCount: 20 });
    await mir.startWorkers();
    await expectCached(expectedState, 20);
    await expectBalanced(mir, expectedState);
  });
});

describe('the signals cache', () => {
  const row = (revision: number): SignalsRow => ({
    revision,
    eventCount: revision,
    firstEventAtMs: revision === 0 ? null : 1_000,
    lastEventAtMs: revision === 0 ? null : 2_000,
    identity: null,
  });
  const newRef = (): UserRef => `usr_${randomUUID().replaceAll('-', '').slice(0, 22)}` as UserRef;
  async function leaseOf(ref: UserRef): Promise<RowLease<UserRef>> {
    const lease = await mir.ctx.signalsCache.lease(ref);
    if ('revision' in lease) throw new Error('the slot is filled');
    return lease;
  }

  /** Puts a row as a commit does that takes no time. */
  const put = async (cache: SignalsCache, ref: UserRef, newRow: SignalsRow): Promise<void> =>
    cache.putNewer([[ref, newRow]], await cache.fence([ref]));

  it('fills an empty slot when the lease holder refills it', async () => {
    const { signalsCache } = mir.ctx;
    const ref = newRef();
    expect(await signalsCache.get(ref)).toBeNull();
    const lease = await leaseOf(ref);
    await signalsCache.refill(lease, row(3));
    expect(await signalsCache.get(ref)).toEqual(row(3));
    expect(await signalsCache.lease(ref)).toEqual(row(3));
  });

  it('ignores a refill whose lease was acquired before a newer row was put', async () => {
    const { signalsCache } = mir.ctx;
    const ref = newRef();
    const lease = await leaseOf(ref);
    await put(signalsCache, ref, row(2));
    await signalsCache.refill(lease, row(1));
    expect(await signalsCache.get(ref)).toEqual(row(2));
  });

  it('ignores a refill whose lease was acquired before the slot was evicted or flushed', async () => {
    const { signalsCache, cacheLink } = mir.ctx;
    const evicted = newRef();
    const lease = await leaseOf(evicted);
    await put(signalsCache, evicted, row(2));
    const slots = await cacheLink.client.keys(`*signals:${evicted}`);
    expect(slots).toHaveLength(1);
    await cacheLink.client.del(...slots);
    await signalsCache.refill(lease, row(1));
    expect(await signalsCache.get(evicted)).toBeNull();

    const flushed = newRef();
    const old = await leaseOf(flushed);
    await cacheLink.client.flushdb();
    await signalsCache.refill(old, row(1));
    expect(await signalsCache.get(flushed)).toBeNull();
  });

  it('accepts a refill only from the holder of the latest lease', async () => {
    const { signalsCache } = mir.ctx;
    const ref = newRef();
    const first = await leaseOf(ref);
    const second = await leaseOf(ref);
    await signalsCache.refill(first, row(1));
    expect(await signalsCache.get(ref)).toBeNull();
    await signalsCache.refill(second, row(2));
    expect(await signalsCache.get(ref)).toEqual(row(2));
  });

  it('does not fill an empty slot with an older row that a paused worker puts late', async () => {
    const { signalsCache, cacheLink } = mir.ctx;
    const ref = newRef();
    const late = await signalsCache.fence([ref]);
    await put(signalsCache, ref, row(2));
    await cacheLink.client.del(...(await cacheLink.client.keys(`*signals:${ref}`)));
    await signalsCache.putNewer([[ref, row(1)]], late);
    expect(await signalsCache.get(ref)).toBeNull();
  });

  it('does not fill an empty slot without a fence, but voids the leases of readers and replaces older rows', async () => {
    const { signalsCache } = mir.ctx;
    const [empty, filled] = [newRef(), newRef()];
    const lease = await leaseOf(empty);
    await put(signalsCache, filled, row(1));
    await signalsCache.putNewer(
      [
        [empty, row(2)],
        [filled, row(2)],
      ],
      NO_FENCE,
    );
    await signalsCache.refill(lease, row(1));
    expect(await signalsCache.get(empty)).toBeNull();
    expect(await signalsCache.get(filled)).toEqual(row(2));
  });

  it('leaves an empty slot to the reader whose lease is newer than the fence', async () => {
    const { signalsCache } = mir.ctx;
    const ref = newRef();
    const fence = await signalsCache.fence([ref]);
    const lease = await leaseOf(ref);
    await signalsCache.putNewer([[ref, row(2)]], fence);
    await signalsCache.refill(lease, row(1));
    expect(await signalsCache.get(ref)).toBeNull();
  });

  it('keeps the newer row when an older revision is put', async () => {
    const { signalsCache } = mir.ctx;
    const ref = newRef();
    await put(signalsCache, ref, row(10));
    await put(signalsCache, ref, row(9));
    expect(await signalsCache.get(ref)).toEqual(row(10));
  });

  /** Creates the cache of a process that uses this epoch. Processes notice a new epoch at different times. */
  const cacheIn = (epoch: string): SignalsCache =>
    createSignalsCache({ link: { ...mir.ctx.cacheLink, epoch: () => epoch }, keys: mir.ctx.keys, ttlSeconds: 600 });

  it('treats a row from another epoch as a miss', async () => {
    const [before, after] = [cacheIn('epoch-before'), cacheIn('epoch-after-')];
    const ref = newRef();
    await put(before, ref, row(3));
    expect(await before.get(ref)).toEqual(row(3));
    expect(await after.get(ref)).toBeNull();
    const lease = await after.lease(ref);
    if ('revision' in lease) throw new Error('the cache returned a row from another epoch');
    await after.refill(lease, row(4));
    expect(await after.get(ref)).toEqual(row(4));
  });

  it('hides a row of the new epoch once a process that still uses the old epoch puts a newer row', async () => {
    const [before, after] = [cacheIn('epoch-before'), cacheIn('epoch-after-')];
    const [filled, leased] = [newRef(), newRef()];
    await put(after, filled, row(1));
    const lease = await after.lease(leased);
    if ('revision' in lease) throw new Error('the slot is filled');
    await put(before, filled, row(2));
    await put(before, leased, row(2));
    await after.refill(lease, row(1));
    for (const ref of [filled, leased]) expect(await after.get(ref)).toBeNull();
  });
});
