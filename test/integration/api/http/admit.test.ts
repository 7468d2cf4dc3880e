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

describe('createAdmit', () => {
  it('admits a request that does not need Redis even when writes in the same tick are rejected', async () => {
    const { key } = await mir.partner();
    const disconnected = await startSecondApi(mir);
    disconnected.ctx.queueLink.client.disconnect();
    const admit = createAdmit(disconnected.ctx);
    const auth = { kind: 'key', scope: 'agents:manage' } as const;
    const [write, kill, otherWrite] = await Promise.allSettled([
      admit(key, { ...auth, availableWithoutRedis: false }),
      admit(key, { ...auth, availableWithoutRedis: true }),
      admit(key, { ...auth, availableWithoutRedis: false }),
    ]);
    await disconnected.close();
    expect(kill).toMatchObject({ status: 'fulfilled', value: { credential: { partnerId: key.partnerId } } });
    for (const rejected of [write, otherWrite]) {
      expect(rejected).toMatchObject({ status: 'rejected', reason: { code: 'OVERLOADED' } });
    }
  });
});
