import { describe, expect, it } from '@jest/globals';
import {
  createLongWork,
  type LongWork,
  MAX_CONCURRENT,
  MAX_LISTS_PER_OWNER,
  MAX_PER_OWNER,
  MAX_WAITING_LISTS_PER_OWNER,
} from '../../../../shared/concurrency/long-work';

async function* pieces(): AsyncGenerator<string> {
  yield 'first';
  yield 'second';
}

/** Starts this many streams for an owner and leaves them open. */
async function openStreams(work: LongWork, owner: string, count: number): Promise<AsyncGenerator<string>[]> {
  const streams = Array.from({ length: count }, () => work.stream(owner, pieces()));
  for (const stream of streams) expect(await stream.next()).toMatchObject({ value: 'first' });
  return streams;
}

const REJECTED = { code: 'OVERLOADED', more: { retryAfterSeconds: expect.any(Number) } };

describe('createLongWork', () => {
  it('limits the concurrent long responses of one owner without affecting other owners', async () => {
    const work = createLongWork();
    await openStreams(work, 'greedy', MAX_PER_OWNER);
    await expect(work.stream('greedy', pieces()).next()).rejects.toMatchObject(REJECTED);
    await expect(work.run('greedy', () => Promise.resolve(1))).rejects.toMatchObject(REJECTED);
    expect(await work.run('modest', () => Promise.resolve(1))).toBe(1);
  });

  it('limits the total number of concurrent long responses across all owners', async () => {
    const work = createLongWork();
    for (let n = 0; n < MAX_CONCURRENT / MAX_PER_OWNER; n += 1) await openStreams(work, `owner ${n}`, MAX_PER_OWNER);
    await expect(work.stream('another', pieces()).next()).rejects.toMatchObject(REJECTED);
  });

  it('frees a slot when the reader leaves, when the stream ends, and when the work fails', async () => {
    const work = createLongWork();
    const [left, read] = await openStreams(work, 'owner', MAX_PER_OWNER);
    await left!.return(undefined);
    expect(await work.run('owner', () => Promise.resolve('done'))).toBe('done');
    await expect(work.run('owner', () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    await openStreams(work, 'owner', 1);
    await expect(work.stream('owner', pieces()).next()).rejects.toMatchObject(REJECTED);
    for await (const piece of read!) expect(piece).toBe('second');
    await openStreams(work, 'owner', 1);
  });

  it("makes an owner's excess lists wait, rejects them beyond a limit, and serves other owners meanwhile", async () => {
    const work = createLongWork();
    let running = 0;
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const list = (owner: string) =>
      work.list(owner, async () => {
        running += 1;
        await ended;
      });
    const accepted = Array.from({ length: MAX_LISTS_PER_OWNER + MAX_WAITING_LISTS_PER_OWNER }, () => list('greedy'));
    await expect(list('greedy')).rejects.toMatchObject(REJECTED);
    expect(running).toBe(MAX_LISTS_PER_OWNER);
    expect(await work.list('modest', () => Promise.resolve('page'))).toBe('page');
    end();
    await Promise.all(accepted);
    expect(running).toBe(accepted.length);
  });
});
