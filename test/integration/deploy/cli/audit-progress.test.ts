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
  it('checking a long chain says how far it is, of how much, until it is checked to its head', async () => {
    const chain = tenantOf((await mir.partner()).partnerId, 'live');
    await appendEntries(mir.ctx.store, chain, 5);
    await sealAll(mir.ctx.store, chain);
    const heard: (number[] | 'stop')[] = [];
    const progress = {
      at: (done: number, total: number) => void heard.push([done, total]),
      stop: () => void heard.push('stop'),
    };
    expect(await verifyWhole(mir.ctx, chain, progress, 2)).toMatchObject({
      intact: true,
      entries: 5,
      nextCursor: null,
    });
    expect(heard).toEqual([[2, 5], [4, 5], 'stop']);
  });
});
