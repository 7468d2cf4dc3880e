import { describe, expect, it } from '@jest/globals';
import { inTurns, MAX_ROWS_PER_RUN } from '../../../../workers/maintenance/requeue-lost-jobs';

describe('inTurns', () => {
  it('reads rows behind a full run of rows that stay due, and then starts over', async () => {
    const rows = Array.from({ length: MAX_ROWS_PER_RUN + 2 }, (_, n) => ({ n, nextLookAt: new Date(n) }));
    const next = inTurns((after, now, limit) =>
      Promise.resolve(rows.filter(({ nextLookAt }) => nextLookAt > after && nextLookAt <= now).slice(0, limit)),
    );
    const firstOf = async (): Promise<number> => (await next())[0]!.n;
    expect([await firstOf(), await firstOf(), await firstOf()]).toEqual([0, MAX_ROWS_PER_RUN, 0]);
  });
});
