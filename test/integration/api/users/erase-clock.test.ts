import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { orderErasure } from '../../../../api/users/order-erasure';
import { type Tenant, tenantOf } from '../../../../shared/domain/ids';
import { anEvent } from '../../../support/builders';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';
import { redisKeysLike } from '../../../support/redis-text';

const HOUR_MS = 3_600_000;

let mir: Harness;
let partner: TestPartner;
let tenant: Tenant;
beforeAll(async () => {
  mir = await startHarness();
});
afterAll(() => mir.close());
beforeEach(async () => {
  partner = await mir.partner();
  tenant = tenantOf(partner.partnerId, 'live');
});

/** Orders an erasure at a time that is ahead of the Redis clock, as if the clock stepped back afterward. */
async function eraseAheadOfClock(): Promise<string> {
  const erasedAt = new Date(Date.now() + HOUR_MS);
  const auditContext = {
    actor: { kind: 'PARTNER' as const, partnerId: partner.partnerId },
    requestId: 'r',
    at: new Date(),
  };
  const { erasure } = await orderErasure(
    mir.ctx,
    tenant,
    mir.ctx.secrets.userRef(tenant, 'u-1'),
    erasedAt,
    auditContext,
  );
  return erasure._id;
}

/** Submits an event and returns its receipt once it is final. */
async function submit(): Promise<{ receivedAt: string; persisted: number; erased: number }> {
  const sent = await mir.client.post('/v1/events', partner.liveKey, anEvent());
  expect(sent.status).toBe(202);
  await mir.drained();
  return (await mir.client.get(`/v1/events/receipts/${sent.body.receiptId}`, partner.liveKey)).body;
}

const isDone = async (receiptId: string): Promise<boolean> =>
  (await mir.client.get(`/v1/users/erase/${receiptId}`, partner.liveKey)).body.status === 'DONE';

describe('an event that is accepted after an erasure', () => {
  it('starts a new history even if the Redis clock has stepped back', async () => {
    expect(await submit()).toMatchObject({ persisted: 1 });
    const receiptId = await eraseAheadOfClock();
    expect(await submit()).toMatchObject({ persisted: 1, erased: 0 });
    await waitUntil('the erasure is done', () => isDone(receiptId));
    const { body } = await mir.client.post('/v1/resolve', partner.liveKey, { userExternalId: 'u-1' });
    expect(body.eventCount).toBe(1);
  });

  it('starts a new history even on a Redis server with a slower clock that has lost its data', async () => {
    expect(await submit()).toMatchObject({ persisted: 1 });
    const receiptId = await eraseAheadOfClock();
    await waitUntil('the erasure is done', () => isDone(receiptId));
    const lost = await redisKeysLike(mir.ctx.queueLink, `${mir.env['KEYSPACE']}:{${partner.key.tag}}:*`);
    expect(lost.length).toBeGreaterThan(0);
    await mir.ctx.queueLink.client.del(lost);
    expect(await submit()).toMatchObject({ persisted: 1, erased: 0 });
  });
});
