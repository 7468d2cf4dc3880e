import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPartitionLocks, type HeldPartitions, LOCK_MS } from '../../../../workers/events/partition-locks';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { waitUntil } from '../../../support/wait-until';

let h: Harness;
const held: HeldPartitions[] = [];
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
});
afterAll(async () => {
  await Promise.all(held.map((one) => one.release()));
  await h.close();
});

async function acquire(partitions: string[], holder: string, enough = 1_000): Promise<HeldPartitions> {
  const candidates = partitions.map((partition) => ({ partition, events: 10 }));
  const acquired = await createPartitionLocks(h.ctx.queueLink, h.ctx.keys).acquire(candidates, enough, holder);
  held.push(acquired);
  return acquired;
}

/** Deletes a lock, as Redis does when the lock expires. */
const expire = (partition: string): Promise<number> => h.ctx.queueLink.client.del(h.ctx.keys.partitionLock(partition));

describe('createPartitionLocks', () => {
  it('locks a partition for one holder until that holder releases it', async () => {
    const first = await acquire(['p:1', 'p:2'], 'a');
    expect(first.partitions).toEqual(['p:1', 'p:2']);
    expect((await acquire(['p:2', 'p:3'], 'b')).partitions).toEqual(['p:3']);
    await first.release();
    expect((await acquire(['p:1', 'p:2'], 'b')).partitions).toEqual(['p:1', 'p:2']);
  });

  it('locks only as many free partitions as have enough waiting events', async () => {
    expect((await acquire(['q:1'], 'a')).partitions).toEqual(['q:1']);
    expect((await acquire(['q:1', 'q:2', 'q:3', 'q:4'], 'b', 15)).partitions).toEqual(['q:2', 'q:3']);
    expect((await acquire(['q:4'], 'c')).partitions).toEqual(['q:4']);
  });

  it('lets the next holder acquire a partition once the lock has expired', async () => {
    await acquire(['r:4', 'r:5'], 'dead');
    await expire('r:4');
    expect((await acquire(['r:4', 'r:5'], 'next')).partitions).toEqual(['r:4']);
  });

  it('lets the next holder acquire a partition whose lock would outlive any holder, as after a clock step', async () => {
    await acquire(['r:6', 'r:7'], 'dead');
    await h.ctx.queueLink.client.pexpire(h.ctx.keys.partitionLock('r:6'), 3_600_000);
    expect((await acquire(['r:6', 'r:7'], 'next')).partitions).toEqual(['r:6']);
  });

  it('does not let a slow holder release a lock that another holder has acquired', async () => {
    const slow = await acquire(['s:7'], 'slow');
    await expire('s:7');
    await acquire(['s:7'], 'next');
    await slow.release();
    expect((await acquire(['s:7'], 'third')).partitions).toEqual([]);
  });

  it('renews a lock while its holder has not released it', async () => {
    const { client } = h.ctx.queueLink;
    const lock = h.ctx.keys.partitionLock('t:1');
    const busy = await acquire(['t:1'], 'busy');
    await client.pexpire(lock, LOCK_MS / 2);
    await waitUntil('the lock is renewed', async () => (await client.pttl(lock)) > LOCK_MS / 2);
    await busy.release();
    expect(await client.exists(lock)).toBe(0);
  });
});
