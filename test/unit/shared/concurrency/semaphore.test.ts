import { describe, expect, it } from '@jest/globals';
import { createSemaphore } from '../../../../shared/concurrency/semaphore';
import { createTimeSlices } from '../../../../shared/concurrency/time-slices';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A task that runs until `end` is called. */
function heldTask() {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { task: () => ended, end };
}

describe('createSemaphore', () => {
  const semaphore = (maxWaiting = 1) => createSemaphore({ maxAtOnce: 2, maxWaiting, onFull: () => new Error('full') });

  it('runs tasks concurrently up to the limit, and starts the others in order', async () => {
    const limited = semaphore(3);
    const started: number[] = [];
    const held = [0, 1, 2, 3, 4].map(heldTask);
    const running = held.map(({ task }, n) =>
      limited.run(() => {
        started.push(n);
        return task();
      }),
    );
    await turn();
    expect(started).toEqual([0, 1]);
    for (const [n, { end }] of held.entries()) {
      end();
      await running[n];
      await turn();
      expect(started).toEqual([0, 1, 2, 3, 4].slice(0, n + 3));
    }
  });

  it('runs a task even if another key has reached its limit', async () => {
    const limited = semaphore();
    const [first, second] = [heldTask(), heldTask()];
    const running = [limited.run(first.task, 'a'), limited.run(second.task, 'a')];
    await expect(limited.run(async () => 'ran', 'b')).resolves.toBe('ran');
    first.end();
    second.end();
    await Promise.all(running);
  });

  it('rejects tasks for a key that has too many waiting tasks, until those tasks have finished', async () => {
    const limited = semaphore();
    const [first, second] = [heldTask(), heldTask()];
    const running = [
      limited.run(first.task, 'a'),
      limited.run(second.task, 'a'),
      limited.run(async () => undefined, 'a'),
    ];
    await expect(limited.run(async () => undefined, 'a')).rejects.toThrow('full');
    first.end();
    second.end();
    await Promise.all(running);
    await expect(limited.run(async () => 'ran', 'a')).resolves.toBe('ran');
  });

  it('frees a permit when it is released and when a task fails', async () => {
    const limited = createSemaphore({ maxAtOnce: 1, maxWaiting: 0, onFull: () => new Error('full') });
    const release = await limited.acquire();
    await expect(limited.run(async () => 'ran')).rejects.toThrow('full');
    release();
    await expect(limited.run(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    await expect(limited.run(async () => 'ran')).resolves.toBe('ran');
  });
});

describe('createTimeSlices', () => {
  it('grants one time slice per event-loop turn, rotating among the owners', async () => {
    const next = createTimeSlices();
    const order: string[] = [];
    const take = (owner: string): Promise<void> => next(owner).then(() => void order.push(owner));
    const all = Promise.all([take('a'), take('a'), take('a'), take('b')]);
    const counts: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      await turn();
      counts.push(order.length);
    }
    await all;
    expect(order).toEqual(['a', 'b', 'a', 'a']);
    expect(Math.max(...counts.map((count, n) => count - (counts[n - 1] ?? 0)))).toBe(1);
  });
});
