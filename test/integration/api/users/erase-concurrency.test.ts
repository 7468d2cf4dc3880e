import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';

const REQUESTS = 24;

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

describe('concurrent erasures', () => {
  it('of a tenant are ordered at most four at a time', async () => {
    const { users } = mir.ctx.store;
    const lock = users.lock.bind(users);
    let running = 0;
    let most = 0;
    // Every erasure locks its user in its transaction.
    users.lock = async (...args) => {
      running += 1;
      most = Math.max(most, running);
      try {
        await lock(...args);
      } finally {
        running -= 1;
      }
    };
    try {
      const { liveKey } = await mir.partner();
      const requests = Array.from({ length: REQUESTS }, (_, n) =>
        mir.client.post('/v1/users/erase', liveKey, { userExternalId: `many-${n}` }),
      );
      const statuses = (await Promise.all(requests)).map(({ status }) => status);
      expect(statuses).toEqual(requests.map(() => 202));
      expect(most).toBeLessThanOrEqual(4);
      expect(most).toBeGreaterThan(1);
    } finally {
      users.lock = lock;
    }
  });
});
