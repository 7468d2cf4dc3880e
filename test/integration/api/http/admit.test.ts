import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAdmit } from '../../../../api/http/run-route';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { startSecondApi } from '../../../support/partners';

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

describe('the limit of concurrent requests', () => {
  it('while the queue store is away, what may be asked of the store alone is not refused for a write of the same turn', async () => {
    const { key } = await mir.partner();
    const cut = await startSecondApi(mir);
    cut.ctx.queueLink.client.disconnect();
    const admit = createAdmit(cut.ctx);
    const auth = { kind: 'key', scope: 'agents:manage' } as const;
    const [write, kill, other] = await Promise.allSettled([
      admit(key, { ...auth, availableWithoutRedis: false }),
      admit(key, { ...auth, availableWithoutRedis: true }),
      admit(key, { ...auth, availableWithoutRedis: false }),
    ]);
    await cut.close();
    expect(kill).toMatchObject({ status: 'fulfilled', value: { credential: { partnerId: key.partnerId } } });
    for (const rejected of [write, other]) {
      expect(rejected).toMatchObject({ status: 'rejected', reason: { code: 'OVERLOADED' } });
    }
  });
});
