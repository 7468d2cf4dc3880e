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

/** Deletes a lock, as Redis does when the lock expires. */
const expire = (partition: number): Promise<number> => h.ctx.queueLink.client.del(h.ctx.keys.partitionLock(partition));

describe('createPartitionLocks', () => {
  it('locks a partition for one holder until that holder releases it', async () => {
    expect(await locks.acquire([1, 2], 'a')).toEqual([1, 2]);
    expect(await locks.acquire([2, 3], 'b')).toEqual([3]);
    await locks.release([1, 2], 'a');
    expect(await locks.acquire([1, 2], 'b')).toEqual([1, 2]);
  });

  it('lets the next holder acquire a partition once the lock has expired', async () => {
    await locks.acquire([4, 5], 'dead');
    await expire(4);
    expect(await locks.acquire([4, 5], 'next')).toEqual([4]);
  });

  it('does not let a slow holder release a lock that another holder has acquired', async () => {
    await locks.acquire([7], 'slow');
    await expire(7);
    await locks.acquire([7], 'next');
    await locks.release([7], 'slow');
    expect(await locks.acquire([7], 'third')).toEqual([]);
  });
});
