import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { QueueEvents } from 'bullmq';
import { tagOf, type Tenant, tenantOf } from '../../../../shared/domain/ids';
import type { ErasureDoc } from '../../../../shared/store/erasures';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { rawCollection } from '../../../support/raw-collection';
import { waitUntil } from '../../../support/wait-until';
import { ERASURE_CONCURRENCY } from '../../../../workers/start-workers';
import { PAGE_EVENTS, PAGES_PER_TURN } from '../../../../workers/users/delete-user-events';
import { workerLink } from '../../../support/worker-link';

const MANY = 40;
/** As many erasures as the API orders at once for a partner. */
const AT_ONCE = 4;
/** More than the control budget of a partner allows in a minute. */
const VERY_MANY = 500;
/** Pages of a large erasure. More than one turn. */
const LARGE_PAGES = 1.5 * PAGES_PER_TURN;
/** Deleting tens of thousands of events takes long on a busy machine. */
const LARGE_TIMEOUT_MS = 60_000;

let mir: Harness;
let busy: TestPartner;
let quiet: TestPartner;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
});
afterAll(() => mir.close());
beforeEach(async () => {
  await mir.stopWorkers();
  await mir.ctx.queues.erasures.obliterate({ force: true });
  await mir.ctx.store.erasures.model.deleteMany({});
  [busy, quiet] = [await mir.partner(), await mir.partner()];
});

async function erase({ liveKey }: TestPartner, userExternalId: string): Promise<string> {
  const { status, body } = await mir.client.post('/v1/users/erase', liveKey, { userExternalId });
  expect(status).toBe(202);
  return body.receiptId as string;
}

/** Orders many erasures for one partner and then one for another. Returns the ID of the latter. */
async function eraseMany(count = MANY): Promise<string> {
  const budget = mir.ctx.keys.budget(tagOf(busy.partnerId), 'live', 'control') + busy.partnerId;
  for (let n = 0; n < count; n += AT_ONCE) {
    if (n % MANY === 0) await mir.ctx.queueLink.client.del(budget);
    await Promise.all(Array.from({ length: AT_ONCE }, (_, m) => erase(busy, `user-${n + m}`)));
  }
  return erase(quiet, 'user');
}

const byTenant = (tenant: Tenant): Promise<ErasureDoc[]> => mir.ctx.store.erasures.model.find({ tenant }).lean();
const rows = async (): Promise<ErasureDoc[]> => byTenant(tenantOf(busy.partnerId, 'live'));

/** Waits until an erasure is done. Returns its row. */
async function untilDone(receiptId: string): Promise<ErasureDoc> {
  const read = async (): Promise<ErasureDoc> => (await mir.ctx.store.erasures.byId(receiptId))!;
  await waitUntil('the erasure is done', async () => (await read()).status === 'DONE', LARGE_TIMEOUT_MS);
  return read();
}

/** Returns how many of the busy partner's erasures were done before the other partner's. */
async function countDoneBefore(receiptId: string): Promise<number> {
  const own = await untilDone(receiptId);
  return (await rows()).filter(({ settledAt }) => settledAt !== undefined && settledAt < own.settledAt!).length;
}

/** More than the erasures that start first because they have the same priority or were already running. */
const FEW = 5;

/** Inserts events of a user of the busy partner. */
async function insertEvents(user: string, count: number): Promise<void> {
  const tenant = tenantOf(busy.partnerId, 'live');
  const userRef = mir.ctx.secrets.userRef(tenant, user);
  const events = Array.from({ length: count }, (_, n) => ({
    _id: `evt_live_${tenant}_${user}_${n}`,
    tenant,
    userRef,
    receivedAt: new Date(1_700_000_000_000 + n),
  }));
  await rawCollection(mir.ctx.store.events.model).insertMany(events, { ordered: false });
}

describe('erasures of several tenants', () => {
  it("does not delay a tenant's erasure behind another tenant's many erasures", async () => {
    const receiptId = await eraseMany(VERY_MANY);
    const { erasures } = mir.ctx.queues;
    await waitUntil('all erasures are queued', async () => (await erasures.getPrioritizedCount()) === VERY_MANY + 1);
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

  it("starts a tenant's erasure while another tenant's large erasures use every slot of the worker", async () => {
    const large = Array.from({ length: ERASURE_CONCURRENCY }, (_, n) => `large-${n}`);
    for (const user of large) await insertEvents(user, LARGE_PAGES * PAGE_EVENTS);
    for (const user of large) await erase(busy, user);
    await mir.startWorkers();
    const pages = async (): Promise<number[]> => (await rows()).map((row) => row.eventsErased / PAGE_EVENTS);
    await waitUntil('every slot is used', async () => (await pages()).every((count) => count > 0));
    const receiptId = await erase(quiet, 'user');
    const before = await pages();
    await untilDone(receiptId);
    const after = await pages();
    // One slot may continue with its turn. The other one makes way after a page.
    expect(Math.min(...after.map((count, n) => count - before[n]!))).toBeLessThan(PAGES_PER_TURN / 2);
    expect(Math.min(...after)).toBeLessThan(LARGE_PAGES);
  });

  it('deletes the events of a large erasure in several turns', async () => {
    const turns = 2;
    const count = turns * PAGES_PER_TURN * PAGE_EVENTS + 1;
    await insertEvents('large', count);
    const receiptId = await erase(busy, 'large');
    const delayed: string[] = [];
    const { erasures } = mir.ctx.queues;
    const own = workerLink(mir.env);
    const reports = new QueueEvents(erasures.name, {
      ...own.bullmq,
      prefix: erasures.opts.prefix!,
      lastEventId: '0-0',
    });
    mir.atClose(() => void reports.close().then(() => own.close()));
    reports.on('delayed', ({ jobId }) => {
      if (jobId.startsWith(receiptId)) delayed.push(jobId);
    });
    await mir.startWorkers();
    expect((await untilDone(receiptId)).eventsErased).toBe(count);
    await waitUntil('the end of each turn is reported', () => delayed.length >= turns);
  });
});
