import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { coalesce, type Coalesced, coalesceInTurn } from '../../../../shared/concurrency/coalesce';

/** Coalesces calls, and resolves each call with its item and the number of its batch. */
function numberedBatches(options: { maxItems: number; keyOf?: (item: string) => string }) {
  const batches: string[][] = [];
  const call = coalesce(async (batch: Coalesced<string, string>[]): Promise<void> => {
    const n = batches.push(batch.map(({ item }) => item));
    for (const { item, resolve } of batch) resolve(`${item}${n}`);
  }, options);
  return { call, batches };
}

describe('coalesce', () => {
  it('batches the calls made in one event-loop turn, and resolves each call with its own result', async () => {
    const { call, batches } = numberedBatches({ maxItems: 10 });
    expect(await Promise.all([call('a'), call('b')])).toEqual(['a1', 'b1']);
    expect(await call('c')).toBe('c2');
    expect(batches).toEqual([['a', 'b'], ['c']]);
  });

  it('splits calls that exceed the maximum batch size', async () => {
    const { call, batches } = numberedBatches({ maxItems: 2 });
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map(call));
    expect(batches).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('never batches calls with different keys', async () => {
    const { call, batches } = numberedBatches({ maxItems: 10, keyOf: (item) => item.slice(0, 1) });
    await Promise.all(['x1', 'y1', 'x2'].map(call));
    expect(batches).toEqual([['x1', 'x2'], ['y1']]);
  });

  it('rejects the calls that a failed batch left unresolved, and accepts new calls', async () => {
    const call = coalesce(
      async (batch: Coalesced<string, string>[]): Promise<void> => {
        batch[0]!.resolve('resolved');
        await turn();
        throw new Error('failed');
      },
      { maxItems: 10 },
    );
    const settled = await Promise.allSettled([call('a'), call('b')]);
    expect(settled).toMatchObject([{ value: 'resolved' }, { reason: { message: 'failed' } }]);
    expect(await call('c')).toBe('resolved');
  });
});

describe('coalesceInTurn', () => {
  it('flushes one batch at a time, and puts the calls that arrive meanwhile into the next batch', async () => {
    const batches: string[][] = [];
    let release = (): void => undefined;
    const call = coalesceInTurn(
      async (batch: Coalesced<string, string>[]): Promise<void> => {
        batches.push(batch.map(({ item }) => item));
        await new Promise<void>((resolve) => (release = resolve));
        batch.forEach(({ item, resolve }) => resolve(item));
      },
      { maxItems: 3 },
    );
    const first = call('a');
    await turn();
    const others = ['b', 'c'].map(call);
    await turn();
    const last = ['d', 'e'].map(call);
    await turn();
    expect(batches).toEqual([['a']]);
    for (const expected of [['b', 'c', 'd'], ['e']]) {
      release();
      await turn();
      expect(batches.at(-1)).toEqual(expected);
    }
    release();
    expect(await Promise.all([first, ...others, ...last])).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('rejects the calls of a failed batch, and flushes the next one', async () => {
    let fails = true;
    const call = coalesceInTurn(
      async (batch: Coalesced<string, string>[]): Promise<void> => {
        await turn();
        if (fails) throw new Error('failed');
        batch.forEach(({ item, resolve }) => resolve(item));
      },
      { maxItems: 1 },
    );
    const settled = Promise.allSettled([call('a'), call('b')]);
    expect(await settled).toMatchObject([{ reason: { message: 'failed' } }, { reason: { message: 'failed' } }]);
    fails = false;
    expect(await call('c')).toBe('c');
  });
});
