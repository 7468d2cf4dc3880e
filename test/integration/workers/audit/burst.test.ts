import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { asAdmin } from '../../../support/partners';
import { type Harness, startHarness } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
  await h.startWorkers();
});
afterAll(() => h.close());

describe('sealing a burst of audit entries', () => {
  it("seals every entry exactly once in its partner's chain while two workers are sealing", async () => {
    const partners = await Promise.all([h.partner(), h.partner(), h.partner()]);
    const patch = (partnerId: string, n: number) =>
      asAdmin(h.client, 'PATCH', `/partners/${partnerId}`, { limits: { eventsPerMinute: 1_000 + n } });
    const burst = async (partnerId: string): Promise<number> => {
      const responses = await Promise.all(Array.from({ length: 20 }, (_, n) => patch(partnerId, n)));
      return responses.filter(({ status }) => status === 200).length;
    };
    const changed = await Promise.all(partners.map(({ partnerId }) => burst(partnerId)));
    expect(changed).toEqual([20, 20, 20]);
    await waitUntil('all entries are sealed', async () => (await h.ctx.store.audit.countUnsealed()) === 0);
    for (const [n, { partnerId, liveKey }] of partners.entries()) {
      const { body } = await h.client.get('/v1/audit/verify', liveKey);
      expect(body).toMatchObject({ intact: true, entries: changed[n], unsealed: 0, nextCursor: null });
      expect((await h.ctx.store.auditHeads.get(tenantOf(partnerId, 'live')))?.hash).toBe(body.headHash);
    }
  });
});
