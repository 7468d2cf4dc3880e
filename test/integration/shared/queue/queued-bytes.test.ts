import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type ChunkId,
  newPartnerTag,
  partnerIdOf,
  partnerOf,
  type Tenant,
  tenantOf,
} from '../../../../shared/domain/ids';
import type { EventLane } from '../../../../shared/queue/event-chunk';
import { queuedBytes, type Reserved, releaseBytes, reserveBytes } from '../../../../shared/queue/queued-bytes';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';

const MIB = 1024 * 1024;
const LIMITS = { partnerBytes: 25 * MIB, totalBytes: 100 * MIB, sharedBytes: 85 * MIB };

let h: Harness;
let a: Tenant;
let b: Tenant;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
});
beforeEach(async () => {
  await h.ctx.queueLink.client.del(...ledger());
  [a, b] = [newTenant(), newTenant()];
});
afterAll(() => h.close());

const testTenantOf = (tenant: Tenant): Tenant => tenantOf(partnerOf(tenant), 'test');
const newTenant = (): Tenant => tenantOf(partnerIdOf(newPartnerTag()), 'live');
const ledger = (): string[] => {
  const { keys } = h.ctx;
  return [keys.reservations(0), keys.reservedBytes(0), keys.partnerBytes(0), keys.bulkFinishes(0), keys.bulkClock(0)];
};
const idsOf = (prefix: string, count: number): ChunkId[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${n}` as ChunkId);

function reserve(
  tenant: Tenant,
  chunkIds: ChunkId[],
  { bytes = 1_000, cost = 5, lane = 'bulk' }: { bytes?: number; cost?: number; lane?: EventLane } = {},
): Promise<Reserved> {
  const { queueLink, keys } = h.ctx;
  const chunks = chunkIds.map((chunkId) => ({ chunkId, bytes, cost }));
  return reserveBytes(queueLink.client, keys, { shard: 0, lane, tenant, nowMs: Date.now(), limits: LIMITS }, chunks);
}
const release = (...chunkIds: ChunkId[]): Promise<void> =>
  releaseBytes(h.ctx.queueLink.client, h.ctx.keys, 0, chunkIds);
const queued = (): Promise<number> => queuedBytes(h.ctx.queueLink.client, h.ctx.keys, 0);

describe('limits', () => {
  it('refuses a partner above its share, reserves nothing for it, and still serves others', async () => {
    expect(await reserve(a, idsOf('a', 2), { bytes: 12 * MIB })).toMatchObject({ status: 'OK' });
    expect(await reserve(a, idsOf('x', 1), { bytes: 2 * MIB })).toMatchObject({ status: 'SHARE', starts: [] });
    expect(await queued()).toBe(24 * MIB);
    expect(await reserve(b, idsOf('b', 1), { bytes: 2 * MIB })).toMatchObject({ status: 'OK', totalBytes: 26 * MIB });
    await release(...idsOf('a', 1));
    expect(await reserve(a, idsOf('x', 1), { bytes: 2 * MIB })).toMatchObject({ status: 'OK' });
  });

  it('accepts a chunk larger than the share from a partner with nothing queued', async () => {
    expect(await reserve(a, idsOf('a', 1), { bytes: 30 * MIB })).toMatchObject({ status: 'OK' });
    expect(await reserve(a, idsOf('x', 1), { bytes: 1 })).toMatchObject({ status: 'SHARE' });
  });

  it("counts both of a partner's environments toward its share", async () => {
    await reserve(a, idsOf('a', 2), { bytes: 12 * MIB });
    expect(await reserve(testTenantOf(a), idsOf('t', 1), { bytes: 2 * MIB })).toMatchObject({ status: 'SHARE' });
  });

  it('keeps a part of the queue for partners with little queued', async () => {
    for (let n = 0; n < 4; n += 1) await reserve(newTenant(), idsOf(`full${n}-`, 1), { bytes: 21 * MIB });
    expect(await reserve(a, idsOf('a', 1), { bytes: 2 * MIB })).toMatchObject({ status: 'FULL' });
    expect(await reserve(b, idsOf('b', 1), { bytes: MIB / 2 })).toMatchObject({ status: 'OK' });
  });

  it('refuses even small partners when the whole queue is full', async () => {
    for (let n = 0; n < 4; n += 1) {
      await reserve(newTenant(), idsOf(`full${n}-`, 1), { bytes: 25 * MIB, lane: 'interactive' });
    }
    expect(await reserve(b, idsOf('b', 1), { bytes: 1_000 })).toMatchObject({ status: 'FULL' });
  });
});

describe('order of partners in the bulk lane', () => {
  it('gives partners that add chunks at the same time the same turns', async () => {
    expect((await reserve(a, idsOf('a', 3))).starts).toEqual([0, 5, 10]);
    expect((await reserve(b, idsOf('b', 3))).starts).toEqual([0, 5, 10]);
  });

  it("counts the turns of a partner's environments together", async () => {
    await reserve(a, idsOf('a', 2));
    expect((await reserve(testTenantOf(a), idsOf('t', 1))).starts).toEqual([10]);
  });

  it('charges a chunk according to its cost', async () => {
    expect((await reserve(a, idsOf('a', 3), { cost: 1 })).starts).toEqual([0, 1, 2]);
    expect((await reserve(a, idsOf('x', 2))).starts).toEqual([3, 8]);
  });

  it('places a partner that arrives late at the current turn, ahead of the backlog of others', async () => {
    await reserve(a, idsOf('a', 10));
    await release(...idsOf('a', 4));
    expect((await reserve(b, idsOf('b', 2))).starts).toEqual([15, 20]);
    expect((await reserve(a, idsOf('x', 1))).starts).toEqual([50]);
  });

  it('starts again from zero once the bulk lane is empty, even if interactive chunks are open', async () => {
    await reserve(a, idsOf('i', 1), { lane: 'interactive' });
    await reserve(a, idsOf('a', 2));
    await release(...idsOf('a', 2));
    expect((await reserve(a, idsOf('x', 1))).starts).toEqual([0]);
  });

  it('assigns no turn to interactive chunks, and does not let them delay bulk chunks', async () => {
    expect((await reserve(a, idsOf('i', 2), { lane: 'interactive' })).starts).toEqual([]);
    expect((await reserve(a, idsOf('a', 1))).starts).toEqual([0]);
  });
});

describe('the ledger', () => {
  it('reserves and releases each chunk only once', async () => {
    await reserve(a, idsOf('a', 2));
    await reserve(a, idsOf('a', 2));
    expect(await queued()).toBe(2_000);
    await release(...idsOf('a', 1));
    await release(...idsOf('a', 1));
    expect(await queued()).toBe(1_000);
  });

  it('leaves no keys behind once every chunk is released', async () => {
    await reserve(a, idsOf('a', 2));
    await reserve(b, idsOf('b', 1), { lane: 'interactive' });
    await release(...idsOf('a', 2), ...idsOf('b', 1));
    expect(await h.ctx.queueLink.client.exists(...ledger())).toBe(0);
  });

  it('releases chunks that an earlier version reserved', async () => {
    const { queueLink, keys } = h.ctx;
    await queueLink.client.hset(keys.reservations(0), 'old', `700 ${a} 1790000000000`);
    await queueLink.client.set(keys.reservedBytes(0), 700);
    await release('old' as ChunkId);
    expect(await h.ctx.queueLink.client.exists(...ledger())).toBe(0);
  });
});
