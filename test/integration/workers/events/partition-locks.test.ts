import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPartitionLocks, type PartitionLocks } from '../../../../workers/events/partition-locks';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';

let h: Harness;
let locks: PartitionLocks;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  locks = createPartitionLocks(h.ctx.queueLink, h.ctx.keys);
});
afterAll(() => h.close());

/** What time does to a lock whose holder works longer than it lasts. */
const expire = (partition: number): Promise<number> => h.ctx.queueLink.client.del(h.ctx.keys.partitionLock(partition));

describe('partition locks', () => {
  it('a partition is one session’s until it is given back', async () => {
    expect(await locks.acquire([1, 2], 'a')).toEqual({ partitions: [1, 2], orphans: [] });
    expect(await locks.acquire([2, 3], 'b')).toEqual({ partitions: [3], orphans: [] });
    await locks.release([1, 2], 'a');
    expect(await locks.acquire([1, 2], 'b')).toEqual({ partitions: [1, 2], orphans: [] });
  });

  it('whoever takes a partition over from a dead holder learns the name of its session', async () => {
    await locks.acquire([4, 5], 'dead');
    await expire(4);
    await expire(5);
    expect(await locks.acquire([4, 5], 'next')).toEqual({ partitions: [4, 5], orphans: ['dead'] });
  });

  it('a holder that was slower than its lock, but gave it back, is not taken for dead', async () => {
    await locks.acquire([6], 'slow');
    await expire(6);
    await locks.release([6], 'slow');
    expect(await locks.acquire([6], 'next')).toEqual({ partitions: [6], orphans: [] });
  });

  it('a slow holder takes nothing from the one that came after it', async () => {
    await locks.acquire([7], 'slow');
    await expire(7);
    await locks.acquire([7], 'next');
    await locks.release([7], 'slow');
    expect(await locks.acquire([7], 'third')).toEqual({ partitions: [], orphans: [] });
    await expire(7);
    expect(await locks.acquire([7], 'third')).toEqual({ partitions: [7], orphans: ['next'] });
  });
});
