import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId, type Tenant } from '../../../../shared/domain/ids';
import type { DeliveryDoc } from '../../../../shared/store/deliveries';
import { type Harness, startHarness } from '../../../support/harness';

const TENANT = 'prt_attempts:live' as Tenant;
const LATER = new Date(Date.now() + 3_600_000);

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
});
afterAll(() => mir.close());
beforeEach(async () => {
  await mir.ctx.store.deliveries.model.deleteMany({ tenant: TENANT });
});

async function insert(facts: Partial<DeliveryDoc> = {}): Promise<DeliveryDoc> {
  const delivery: DeliveryDoc = {
    _id: newId('dlv'),
    tenant: TENANT,
    endpointId: 'whe_any',
    type: 'webhook.test',
    body: '{}',
    status: 'PENDING',
    attempts: 0,
    nextLookAt: new Date(),
    createdAt: new Date(),
    expireAt: LATER,
    ...facts,
  };
  await mir.ctx.store.deliveries.model.create(delivery);
  return delivery;
}

const stored = async ({ _id }: DeliveryDoc): Promise<DeliveryDoc> =>
  (await mir.ctx.store.deliveries.byIds([_id])).get(_id)!;

describe('attempts of deliveries', () => {
  it('takes the deliveries of a batch that are unfinished and not taken already', async () => {
    const { deliveries } = mir.ctx.store;
    const free = await insert();
    const expired = await insert({ leaseUntil: new Date(Date.now() - 1_000) });
    const others = [
      await insert({ status: 'DELIVERED' }),
      await insert({ leaseUntil: LATER }),
      { _id: newId('dlv'), tenant: TENANT },
    ];
    const lease = () => deliveries.lease([free, expired, ...others], new Date(), LATER);
    expect(await lease()).toEqual(new Set([free._id, expired._id]));
    expect(await lease()).toEqual(new Set());
  });

  it('takes each delivery for only one of two concurrent batches', async () => {
    const { deliveries } = mir.ctx.store;
    const all = await Promise.all(Array.from({ length: 5 }, () => insert()));
    const taken = await Promise.all([0, 1].map(() => deliveries.lease(all, new Date(), LATER)));
    expect(taken.flatMap((ids) => [...ids]).toSorted()).toEqual(all.map(({ _id }) => _id).toSorted());
  });

  it('records each attempt of a batch once, and leaves the status of a delivery that was finished meanwhile', async () => {
    const { deliveries } = mir.ctx.store;
    const [sent, failed, finished] = [await insert({ leaseUntil: LATER }), await insert(), await insert()];
    const at = new Date();
    const attempt = { at, responseCode: 204, durationMs: 5 };
    const records = [
      { delivery: sent, attempt, outcome: { status: 'DELIVERED' as const, nextLookAt: at } },
      { delivery: failed, attempt, outcome: { status: 'PENDING' as const, nextLookAt: LATER } },
      { delivery: finished, attempt, outcome: { status: 'PENDING' as const, nextLookAt: LATER } },
    ];
    await deliveries.skip(finished);
    for (let n = 0; n < 2; n += 1) {
      await deliveries.recordAttempts(records);
      expect(await stored(sent)).toMatchObject({ status: 'DELIVERED', attempts: 1, attemptLog: [attempt] });
      expect(await stored(sent)).not.toHaveProperty('leaseUntil');
      expect(await stored(failed)).toMatchObject({ status: 'PENDING', attempts: 1, nextLookAt: LATER });
      expect(await stored(finished)).toMatchObject({ status: 'SKIPPED', attempts: 1, attemptLog: [attempt] });
    }
  });
});
