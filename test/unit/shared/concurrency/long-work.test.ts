import { describe, expect, it } from '@jest/globals';
import { createLongWork, type LongWork, MAX_CONCURRENT, MAX_PER_OWNER } from '../../../../shared/concurrency/long-work';

async function* pieces(): AsyncGenerator<string> {
  yield 'first';
  yield 'second';
}

/** Begins so many streams of an owner and leaves them open. */
async function begin(work: LongWork, owner: string, count: number): Promise<AsyncGenerator<string>[]> {
  const begun = Array.from({ length: count }, () => work.stream(owner, pieces()));
  for (const stream of begun) expect(await stream.next()).toMatchObject({ value: 'first' });
  return begun;
}

const REJECTED = { code: 'OVERLOADED', more: { retryAfterSeconds: expect.any(Number) } };

describe('the limit of long responses', () => {
  it('one owner gets so many long answers at once and no more, and others still get theirs', async () => {
    const work = createLongWork();
    await begin(work, 'greedy', MAX_PER_OWNER);
    await expect(work.stream('greedy', pieces()).next()).rejects.toMatchObject(REJECTED);
    await expect(work.run('greedy', () => Promise.resolve(1))).rejects.toMatchObject(REJECTED);
    expect(await work.run('modest', () => Promise.resolve(1))).toBe(1);
  });

  it('a process makes a bounded number of long answers at once, whosever they are', async () => {
    const work = createLongWork();
    for (let n = 0; n < MAX_CONCURRENT / MAX_PER_OWNER; n += 1) await begin(work, `owner ${n}`, MAX_PER_OWNER);
    await expect(work.stream('another', pieces()).next()).rejects.toMatchObject(REJECTED);
  });

  it('a place is free again when a reader leaves, when all is read, and when the work fails', async () => {
    const work = createLongWork();
    const [left, read] = await begin(work, 'owner', MAX_PER_OWNER);
    await left!.return(undefined);
    expect(await work.run('owner', () => Promise.resolve('done'))).toBe('done');
    await expect(work.run('owner', () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    await begin(work, 'owner', 1);
    await expect(work.stream('owner', pieces()).next()).rejects.toMatchObject(REJECTED);
    for await (const piece of read!) expect(piece).toBe('second');
    await begin(work, 'owner', 1);
  });
});
