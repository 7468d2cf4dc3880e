import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifyWhole } from '../../../../deploy/cli/audit-commands';
import { tenantOf } from '../../../../shared/domain/ids';
import { appendEntries, sealAll } from '../../../support/audit-entries';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

describe('mir audit verify with a progress bar', () => {
  it('reports the number of checked entries and the total after each step through a long chain', async () => {
    const chain = tenantOf((await mir.partner()).partnerId, 'live');
    await appendEntries(mir.ctx.store, chain, 5);
    await sealAll(mir.ctx.store, chain);
    const reported: (number[] | 'stop')[] = [];
    const progress = {
      at: (done: number, total: number) => void reported.push([done, total]),
      stop: () => void reported.push('stop'),
    };
    expect(await verifyWhole(mir.ctx, chain, progress, 2)).toMatchObject({
      intact: true,
      entries: 5,
      nextCursor: null,
    });
    expect(reported).toEqual([[2, 5], [4, 5], 'stop']);
  });
});
