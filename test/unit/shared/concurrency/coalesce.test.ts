import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { coalesce, type Coalesced } from '../../../../shared/concurrency/coalesce';

/** Answers each item with itself and the number of its batch. */
function numberedBatches(options: { maxItems: number; keyOf?: (item: string) => string }) {
  const batches: string[][] = [];
  const call = coalesce(async (batch: Coalesced<string, string>[]): Promise<void> => {
    const n = batches.push(batch.map(({ item }) => item));
    for (const { item, resolve } of batch) resolve(`${item}${n}`);
  }, options);
  return { call, batches };
}

describe('coalesce', () => {
  it('hands the items of one turn over together and answers each caller', async () => {
    const { call, batches } = numberedBatches({ maxItems: 10 });
    expect(await Promise.all([call('a'), call('b')])).toEqual(['a1', 'b1']);
    expect(await call('c')).toBe('c2');
    expect(batches).toEqual([['a', 'b'], ['c']]);
  });

  it('splits what is longer than a batch may be', async () => {
    const { call, batches } = numberedBatches({ maxItems: 2 });
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map(call));
    expect(batches).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('never puts two keys into one batch', async () => {
    const { call, batches } = numberedBatches({ maxItems: 10, keyOf: (item) => item.slice(0, 1) });
    await Promise.all(['x1', 'y1', 'x2'].map(call));
    expect(batches).toEqual([['x1', 'x2'], ['y1']]);
  });

  it('rejects the callers that a failed flush has not answered, and goes on afterwards', async () => {
    const call = coalesce(
      async (batch: Coalesced<string, string>[]): Promise<void> => {
        batch[0]!.resolve('answered');
        await turn();
        throw new Error('failed');
      },
      { maxItems: 10 },
    );
    const settled = await Promise.allSettled([call('a'), call('b')]);
    expect(settled).toMatchObject([{ value: 'answered' }, { reason: { message: 'failed' } }]);
    expect(await call('c')).toBe('answered');
  });
});
