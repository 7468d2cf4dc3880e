import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfig } from '../../../../shared/config/config';
import { newId } from '../../../../shared/domain/ids';
import { serializeByKey } from '../../../../shared/locks/serialize-by-key';
import { openRuntime, type Runtime } from '../../../../shared/runtime';
import { type Harness, startHarness } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';

let mir: Harness;
/** The runtime of another process. */
let other: Runtime;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
  other = await openRuntime(readConfig(mir.env), 'api');
});
afterAll(async () => {
  await other.close();
  await mir.close();
});

const queueOf = (key: string): Promise<string[]> => mir.ctx.queueLink.client.lrange(mir.ctx.keys.lockQueue(key), 0, -1);

/** Starts a change in the other process that runs until it is released. */
async function holdElsewhere(key: string): Promise<{ release: () => Promise<void> }> {
  let release = (): void => undefined;
  let isRunning = false;
  const held = serializeByKey(other, key, () => {
    isRunning = true;
    return new Promise<void>((resolve) => (release = resolve));
  });
  await waitUntil('the change in the other process is running', () => isRunning);
  return {
    release: () => {
      release();
      return held;
    },
  };
}

describe('serializeByKey', () => {
  it('waits for a change in another process', async () => {
    const key = newId('agt');
    const { release } = await holdElsewhere(key);
    const order: string[] = [];
    const change = serializeByKey(mir.ctx, key, () => Promise.resolve(order.push('second')));
    await waitUntil('both changes are queued', async () => (await queueOf(key)).length === 2);
    order.push('first');
    await release();
    await change;
    expect(order).toEqual(['first', 'second']);
  });

  it('runs a change that was passed over while other processes keep joining the queue', async () => {
    const key = newId('agt');
    const { client } = mir.ctx.queueLink;
    const lockQueue = mir.ctx.keys.lockQueue(key);
    const { release } = await holdElsewhere(key);
    let isDone = false;
    const change = serializeByKey(mir.ctx, key, () => Promise.resolve((isDone = true)));
    await waitUntil('both changes are queued', async () => (await queueOf(key)).length === 2);
    const joiners = new AbortController();
    const joining = (async () => {
      // The queue is never empty, and its head changes before it could be skipped.
      while (!joiners.signal.aborted) await client.multi().del(lockQueue).rpush(lockQueue, newId('agt')).exec();
    })();
    try {
      await waitUntil('the change has run', () => isDone, 5_000);
    } finally {
      joiners.abort();
      await joining;
      await release();
      await change;
    }
  });

  it('gives up with OVERLOADED when its time is up, and leaves the queue', async () => {
    const key = newId('agt');
    const { release } = await holdElsewhere(key);
    const [holder] = await queueOf(key);
    let ran = false;
    const change = serializeByKey(mir.ctx, key, () => Promise.resolve((ran = true)), { maxWaitMs: 200 });
    await expect(change).rejects.toMatchObject({ code: 'OVERLOADED', more: { params: { reason: 'LOCK_TIMEOUT' } } });
    expect(ran).toBe(false);
    await waitUntil('only the holder is queued', async () => String(await queueOf(key)) === holder);
    const next = serializeByKey(mir.ctx, key, () => Promise.resolve('next'));
    await release();
    expect(await next).toBe('next');
  });

  it('counts the time spent waiting in its own process', async () => {
    const key = newId('agt');
    const { release } = await holdElsewhere(key);
    const started = performance.now();
    const first = serializeByKey(mir.ctx, key, () => Promise.resolve(), { maxWaitMs: 400 });
    const second = serializeByKey(mir.ctx, key, () => Promise.resolve(), { maxWaitMs: 450 });
    const outcomes = await Promise.allSettled([first, second]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    // If the second wait had its own deadline, the second change would give up after 850 ms.
    expect(performance.now() - started).toBeLessThan(800);
    await release();
  });
});
