import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { QueueEvents } from 'bullmq';
import { type Tenant, tenantOf } from '../../../../shared/domain/ids';
import type { ErasureDoc } from '../../../../shared/store/erasures';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { rawCollection } from '../../../support/raw-collection';
import { waitUntil } from '../../../support/wait-until';
import { PAGE_EVENTS, PAGES_PER_TURN } from '../../../../workers/users/delete-user-events';

const MANY = 40;

let mir: Harness;
let busy: TestPartner;
let quiet: TestPartner;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
});
afterAll(() => mir.close());
beforeEach(async () => {
  await mir.stopWorkers();
  [busy, quiet] = [await mir.partner(), await mir.partner()];
});

async function erase({ liveKey }: TestPartner, userExternalId: string): Promise<string> {
  const { status, body } = await mir.client.post('/v1/users/erase', liveKey, { userExternalId });
  expect(status).toBe(202);
  return body.receiptId as string;
}

/** Orders many erasures for one partner and then one for another. Returns the ID of the latter. */
async function eraseMany(): Promise<string> {
  for (let n = 0; n < MANY; n += 1) await erase(busy, `user-${n}`);
  return erase(quiet, 'user');
}

const byTenant = (tenant: Tenant): Promise<ErasureDoc[]> => mir.ctx.store.erasures.model.find({ tenant }).lean();
const rows = async (): Promise<ErasureDoc[]> => byTenant(tenantOf(busy.partnerId, 'live'));

/** Returns how many of the busy partner's erasures were done before the other partner's. */
async function countDoneBefore(receiptId: string): Promise<number> {
  await waitUntil('all erasures are done', async () => (await rows()).every(({ status }) => status === 'DONE'));
  const own = (await mir.ctx.store.erasures.byId(receiptId))!;
  expect(own.status).toBe('DONE');
  return (await rows()).filter(({ settledAt }) => settledAt! < own.settledAt!).length;
}

/** More than the erasures that start first because they have the same priority or were already running. */
const FEW = 5;

describe('erasures of several tenants', () => {
  it("does not delay a tenant's erasure behind another tenant's many erasures", async () => {
    const receiptId = await eraseMany();
    const { erasures } = mir.ctx.queues;
    await waitUntil('all erasures are queued', async () => (await erasures.getPrioritizedCount()) === MANY + 1);
    await mir.startWorkers();
    expect(await countDoneBefore(receiptId)).toBeLessThan(FEW);
  });

  it('keeps this order for erasures whose wake-ups were lost', async () => {
    const receiptId = await eraseMany();
    const { erasures } = mir.ctx.queues;
    await waitUntil('all erasures are queued', async () => (await erasures.getPrioritizedCount()) === MANY + 1);
    await erasures.obliterate({ force: true });
    // The other tenant's erasure is due last, and the paused queue collects all wake-ups of the sweep.
    await mir.ctx.store.erasures.model.updateMany({ _id: { $ne: receiptId } }, { $set: { nextLookAt: new Date(0) } });
    await mir.ctx.store.erasures.model.updateOne({ _id: receiptId }, { $set: { nextLookAt: new Date(1) } });
    await erasures.pause();
    await mir.startWorkers();
    await waitUntil(
      'the sweep has found all erasures',
      async () => (await erasures.getPrioritizedCount()) === MANY + 1,
    );
    await erasures.resume();
    expect(await countDoneBefore(receiptId)).toBeLessThan(FEW);
  });

  it('deletes the events of a large erasure in several turns', async () => {
    const turns = 2;
    const tenant = tenantOf(busy.partnerId, 'live');
    const userRef = mir.ctx.secrets.userRef(tenant, 'large');
    const events = Array.from({ length: turns * PAGES_PER_TURN * PAGE_EVENTS + 1 }, (_, n) => ({
      _id: `evt_live_turns_${n}`,
      tenant,
      userRef,
      receivedAt: new Date(1_700_000_000_000 + n),
    }));
    await rawCollection(mir.ctx.store.events.model).insertMany(events, { ordered: false });
    const receiptId = await erase(busy, 'large');
    const delayed: string[] = [];
    const { erasures } = mir.ctx.queues;
    const connection = mir.ctx.queueLink.client.duplicate({ maxRetriesPerRequest: null });
    const reports = new QueueEvents(erasures.name, { connection, prefix: erasures.opts.prefix!, lastEventId: '0-0' });
    mir.atClose(() => void reports.close().then(() => connection.disconnect()));
    reports.on('delayed', ({ jobId }) => {
      if (jobId.startsWith(receiptId)) delayed.push(jobId);
    });
    await mir.startWorkers();
    await waitUntil(
      'the erasure is done',
      async () => (await mir.ctx.store.erasures.byId(receiptId))!.status === 'DONE',
    );
    expect((await mir.ctx.store.erasures.byId(receiptId))!.eventsErased).toBe(events.length);
    await waitUntil('the end of each turn is reported', () => delayed.length >= turns);
  });
});
