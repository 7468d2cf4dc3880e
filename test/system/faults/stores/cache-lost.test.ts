import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { RowLease } from '../../../../shared/cache/versioned-cache';
import { createSignalsCache, type SignalsCache } from '../../../../shared/cache/signals-cache';
import type { UserRef } from '../../../../shared/domain/ids';
import type { SignalsRow } from '../../../../shared/domain/signals';
import {
  accepted,
  type ExpectedState,
  drainedAtLast,
  expectBalanced,
  newExpectedState,
  someEvents,
} from '../../../support/expected-state';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { viewQueue } from '../../../support/queue-view';
import type { OwnStore } from '../../../support/own-stores';
import { waitUntil } from '../../../support/wait-until';

const { ownRedis, serve } = faultEnvironment();
let mir: Harness;
let cache: OwnStore;
beforeAll(async () => {
  cache = await ownRedis();
  mir = await serve({ env: { CACHE_REDIS_URL: cache.url, DRAIN_TIMEOUT_MS: '300' } });
});

async function resolveFirst({ partner }: ExpectedState): Promise<{ source: string | null; eventCount: number }> {
  const { status, headers, body } = await mir.client.post('/v1/resolve', partner.liveKey, { userExternalId: 'u-0' });
  expect(status).toBe(200);
  return { source: headers.get('x-signals-source'), eventCount: body.eventCount };
}

async function expectFromCache(expectedState: ExpectedState, eventCount: number): Promise<void> {
  await waitUntil('signals come from the cache', async () => {
    const resolved = await resolveFirst(expectedState);
    expect(resolved.eventCount).toBe(eventCount);
    return resolved.source === 'cache';
  });
}

describe('a lost cache', () => {
  it('after a flush signals are right from the store, then from the cache again', async () => {
    const expectedState = newExpectedState(await mir.partner());
    await accepted(mir.client, expectedState, someEvents(30, 3));
    await drainedAtLast(mir);
    await expectFromCache(expectedState, 10);
    await mir.ctx.cacheLink.client.flushdb();
    expect(await resolveFirst(expectedState)).toEqual({ source: 'store', eventCount: 10 });
    await expectFromCache(expectedState, 10);
    await accepted(mir.client, expectedState, someEvents(30, 3));
    await drainedAtLast(mir);
    await expectFromCache(expectedState, 20);
    await expectBalanced(mir, expectedState);
  });

  it('with the cache away signals come from the store; workers go on when it is back', async () => {
    const expectedState = newExpectedState(await mir.partner());
    await accepted(mir.client, expectedState, someEvents(30, 3));
    await drainedAtLast(mir);
    await cache.stop();
    expect(await resolveFirst(expectedState)).toEqual({ source: 'store', eventCount: 10 });
    await accepted(mir.client, expectedState, someEvents(30, 3));
    await waitUntil('the events are stored', async () => (await resolveFirst(expectedState)).eventCount === 20);
    // Stored but not yet visible through a cache: its chunk stays open, so no answer claims it.
    expect(await viewQueue(mir).queue.getActiveCount()).toBeGreaterThan(0);
    await cache.startAgain();
    await drainedAtLast(mir);
    await expectFromCache(expectedState, 20);
    await expectBalanced(mir, expectedState);
  });

  it('a cache server that comes back with the rows of its last life does not serve them', async () => {
    const expectedState = newExpectedState(await mir.partner());
    await accepted(mir.client, expectedState, someEvents(30, 3));
    await drainedAtLast(mir);
    await cache.stop();
    await accepted(mir.client, expectedState, someEvents(30, 3));
    await waitUntil('the events are stored', async () => (await resolveFirst(expectedState)).eventCount === 20);
    await mir.stopWorkers();
    await cache.startAgain();
    const { cacheLink } = mir.ctx;
    await cacheLink.whenReady(10_000);
    const lastLife = (await cacheLink.client.keys('*:signals:*')).filter((key) => !key.includes(cacheLink.runId()!));
    expect(lastLife.length).toBeGreaterThanOrEqual(3);
    expect(await resolveFirst(expectedState)).toEqual({ source: 'store', eventCount: 20 });
    await mir.startWorkers();
    await expectFromCache(expectedState, 20);
    await expectBalanced(mir, expectedState);
  });

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

  it("a reader's refill fills the slot that it missed", async () => {
    const { signalsCache } = mir.ctx;
    const ref = newRef();
    expect(await signalsCache.get(ref)).toBeNull();
    const lease = await leaseOf(ref);
    await signalsCache.refill(lease, row(3));
    expect(await signalsCache.get(ref)).toEqual(row(3));
    expect(await signalsCache.lease(ref)).toEqual(row(3));
  });

  it('an old read never lands in the slot after a newer put', async () => {
    const { signalsCache } = mir.ctx;
    const ref = newRef();
    const lease = await leaseOf(ref);
    await signalsCache.putNewer([[ref, row(2)]]);
    await signalsCache.refill(lease, row(1));
    expect(await signalsCache.get(ref)).toEqual(row(2));
  });

  it('an old read never lands in a slot that was filled and emptied after it', async () => {
    const { signalsCache, cacheLink } = mir.ctx;
    const evicted = newRef();
    const lease = await leaseOf(evicted);
    await signalsCache.putNewer([[evicted, row(2)]]);
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

  it('of two readers that missed only the one that read last may fill the slot', async () => {
    const { signalsCache } = mir.ctx;
    const ref = newRef();
    const first = await leaseOf(ref);
    const second = await leaseOf(ref);
    await signalsCache.refill(first, row(1));
    expect(await signalsCache.get(ref)).toBeNull();
    await signalsCache.refill(second, row(2));
    expect(await signalsCache.get(ref)).toEqual(row(2));
  });

  it('a put of an older revision leaves a newer row', async () => {
    const { signalsCache } = mir.ctx;
    const ref = newRef();
    await signalsCache.putNewer([[ref, row(10)]]);
    await signalsCache.putNewer([[ref, row(9)]]);
    expect(await signalsCache.get(ref)).toEqual(row(10));
  });

  /** The cache as a process sees it that has not noticed a new epoch yet, or has before the others. */
  const cacheIn = (epoch: string): SignalsCache =>
    createSignalsCache({ link: { ...mir.ctx.cacheLink, epoch: () => epoch }, keys: mir.ctx.keys, ttlSeconds: 600 });

  it('a row of another epoch is a miss', async () => {
    const [before, after] = [cacheIn('epoch-before'), cacheIn('epoch-after-')];
    const ref = newRef();
    await before.putNewer([[ref, row(3)]]);
    expect(await before.get(ref)).toEqual(row(3));
    expect(await after.get(ref)).toBeNull();
    const lease = await after.lease(ref);
    if ('revision' in lease) throw new Error('a row of another epoch was read');
    await after.refill(lease, row(4));
    expect(await after.get(ref)).toEqual(row(4));
  });

  it('a put of a process that has not noticed the new epoch still hides what others read before it', async () => {
    const [before, after] = [cacheIn('epoch-before'), cacheIn('epoch-after-')];
    const [filled, leased] = [newRef(), newRef()];
    await after.putNewer([[filled, row(1)]]);
    const lease = await after.lease(leased);
    if ('revision' in lease) throw new Error('the slot is filled');
    await before.putNewer([
      [filled, row(2)],
      [leased, row(2)],
    ]);
    await after.refill(lease, row(1));
    for (const ref of [filled, leased]) expect(await after.get(ref)).toBeNull();
  });
});
