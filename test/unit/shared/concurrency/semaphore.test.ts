import { describe, expect, it } from '@jest/globals';
import { createGateByOwner } from '../../../../shared/concurrency/semaphore';
import { createTimeSlices } from '../../../../shared/concurrency/time-slices';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A task that ends when it is told to. */
function heldTask() {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { task: () => ended, end };
}

describe('a gate by owner', () => {
  const gate = (maxWaiting = 1) => createGateByOwner(2, maxWaiting, () => new Error('full'));

  it('lets the bounded number of an owner in, then the others in order', async () => {
    const limited = gate(3);
    const started: number[] = [];
    const held = [0, 1, 2, 3, 4].map(heldTask);
    const running = held.map(({ task }, n) =>
      limited('a', () => {
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

  it('does not let one owner wait for another', async () => {
    const limited = gate();
    const [first, second] = [heldTask(), heldTask()];
    const running = [limited('a', first.task), limited('a', second.task)];
    await expect(limited('b', async () => 'ran')).resolves.toBe('ran');
    first.end();
    second.end();
    await Promise.all(running);
  });

  it('rejects an owner with too many waiting, and lets it in again later', async () => {
    const limited = gate();
    const [first, second] = [heldTask(), heldTask()];
    const running = [limited('a', first.task), limited('a', second.task), limited('a', async () => undefined)];
    await expect(limited('a', async () => undefined)).rejects.toThrow('full');
    first.end();
    second.end();
    await Promise.all(running);
    await expect(limited('a', async () => 'ran')).resolves.toBe('ran');
  });
});

describe('time slices', () => {
  it('grant one slice per turn of the event loop, to the owners in rotation', async () => {
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
