import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChunkId, type EventId, type Tenant, tenantOf } from '../../../../shared/domain/ids';
import { HOUR_MS, hourOf, MAX_USAGE_DAYS } from '../../../../shared/domain/usage';
import { scripts } from '../../../../shared/redis/scripts';
import type { ReceiptPartDoc } from '../../../../shared/store/receipts';
import { startOfHour } from '../../../../shared/store/usage';
import { storeUsage } from '../../../../shared/usage/store-usage';
import { createStorePart } from '../../../../workers/events/store-parts';
import { anEvent, someEvents } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { errorsOf, expectProblem } from '../../../support/problems';
import { groupOf, totalUsage, usageOf } from '../../../support/usage';
import { waitUntil } from '../../../support/wait-until';

const DAY_MS = 24 * HOUR_MS;

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness();
});
afterAll(() => mir.close());

const post = (key: string, body: unknown): Promise<TestResponse> => mir.client.post('/v1/events', key, body);
const live = ({ partnerId }: TestPartner): Tenant => tenantOf(partnerId, 'live');
const iso = (atMs: number): string => new Date(atMs).toISOString();

/** Returns a function that stores receipts as a worker does. */
function newStorePart(): (part: ReceiptPartDoc) => Promise<void> {
  const { store, queueLink, keys, log } = mir.ctx;
  return createStorePart({ store, queueLink, keys, log, signal: new AbortController().signal });
}

async function final(key: string, receiptId: string): Promise<void> {
  await waitUntil('the receipt is final', async () => {
    const { body } = await mir.client.get(`/v1/events/receipts/${receiptId}`, key);
    return body.status !== 'QUEUED';
  });
}

/** Submits events and waits until their outcome is final. */
async function submit(key: string, body: unknown): Promise<void> {
  const sent = await post(key, body);
  expect(sent.status).toBe(202);
  await final(key, sent.body.receiptId);
}

describe('events in GET /v1/usage', () => {
  it('are counted by outcome', async () => {
    const { liveKey } = await mir.partner();
    await submit(liveKey, { events: someEvents(3) });
    await submit(liveKey, anEvent({ idempotencyKey: 'k' }));
    await submit(liveKey, { events: [anEvent({ idempotencyKey: 'k' }), anEvent({ idempotencyKey: 'k2' })] });
    await submit(liveKey, { events: [anEvent({ idempotencyKey: 'k', weight: 2 }), anEvent({ weight: 11 }), 'text'] });
    expectProblem(await post(liveKey, anEvent({ weight: 11 })), 422, 'VALIDATION_FAILED');
    expectProblem(await post(liveKey, { events: [anEvent({ weight: 11 })] }), 422, 'VALIDATION_FAILED');
    const { events } = await totalUsage(mir, liveKey);
    expect(events).toEqual({ persisted: 5, duplicates: 1, conflicts: 1, failed: 0, erased: 0, rejected: 4 });
  });

  it('count once when a chunk is finalized again, and change their outcome when a dead letter is replayed', async () => {
    const partner = await mir.partner();
    await submit(partner.liveKey, { events: someEvents(2) });
    const { receipts, usage } = mir.ctx.store;
    const [part] = await receipts.model.find({ tenant: live(partner) }).lean();
    const failed = { index: 0, eventId: 'evt' as EventId, outcome: 'FAILED' as const };
    const storePart = newStorePart();
    const now = startOfHour(new Date(Date.now() + 3 * HOUR_MS));
    await Promise.all([
      storePart({ ...part!, usageAt: now }),
      storePart({ ...part!, usageAt: now, items: [failed] }),
      storePart({ ...part!, _id: `${part!._id}0` as ChunkId, usageAt: now }),
    ]);
    expect((await totalUsage(mir, partner.liveKey)).events).toMatchObject({ persisted: 1, failed: 1 });
    await storePart({ ...part!, usageAt: now });
    const query = { fromMs: hourOf(Date.now()) * HOUR_MS, toMs: Date.now() + DAY_MS, bucket: 'hour' as const };
    const hours = await usage.events(live(partner), query);
    // The second chunk counts in its own hour.
    expect(hours.map(({ events }) => events.persisted)).toEqual([2, 2]);
    expect(hours.map(({ events }) => events.failed)).toEqual([0, 0]);
  });

  it('of a part that an earlier version wrote are counted when it is replaced', async () => {
    const partner = await mir.partner();
    await submit(partner.liveKey, { events: someEvents(2) });
    const { receipts, usage } = mir.ctx.store;
    await receipts.model.updateMany({ tenant: live(partner) }, { $unset: { usageAt: '' } });
    await usage.model.deleteMany({ tenant: live(partner) });
    const [part] = await receipts.model.find({ tenant: live(partner) }).lean();
    const storePart = newStorePart();
    for (let n = 0; n < 2; n += 1) await storePart({ ...part!, usageAt: startOfHour(new Date()) });
    expect((await totalUsage(mir, partner.liveKey)).events.persisted).toBe(2);
  });
});

describe('the range of GET /v1/usage', () => {
  it('is that of the current hours by default, and consists of whole buckets', async () => {
    const partner = await mir.partner();
    const tenant = live(partner);
    const dayMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const hours = [-26, -25, -1, 0].map((n) => dayMs / HOUR_MS + n);
    await mir.ctx.store.usage.putRequests(
      tenant,
      hours.map((hour) => ({ hour, counts: { 'in:events': 2, 'out:events:202:': 2 } })),
    );
    const from = iso(dayMs - 25 * HOUR_MS + 1);
    const byHour = (await usageOf(mir, partner.liveKey, `bucket=hour&from=${from}&to=${iso(dayMs + 1)}`)).body;
    expect(byHour).toMatchObject({
      environment: 'live',
      bucket: 'hour',
      from: iso(dayMs - 25 * HOUR_MS),
      to: iso(dayMs + HOUR_MS),
      data: [-25, -1, 0].map((n) => ({ from: iso(dayMs + n * HOUR_MS), requests: [{ group: 'events' }] })),
    });
    const byDay = (await usageOf(mir, partner.liveKey, `bucket=day&from=${from}`)).body;
    expect(byDay.data.map((one: { from: string }) => one.from)).toEqual(
      [-2, -1, 0].map((n) => iso(dayMs + n * DAY_MS)),
    );
    expect(groupOf(byDay.total, 'events')).toMatchObject({ total: 8 });
    const current = (await usageOf(mir, partner.liveKey)).body;
    expect(Date.parse(current.to) - Date.parse(current.from)).toBeGreaterThanOrEqual(DAY_MS);
    expect(Date.parse(current.to)).toBeGreaterThanOrEqual(Date.parse(current.asOf));
  });

  it('is rejected with all problems', async () => {
    const { liveKey } = await mir.partner();
    const wrong = await usageOf(mir, liveKey, 'bucket=week&from=yesterday&until=1');
    expectProblem(wrong, 422, 'VALIDATION_FAILED');
    expect(errorsOf(wrong)).toEqual(expect.arrayContaining([expect.stringContaining('until')]));
    expect(wrong.body.errors).toHaveLength(3);
    const from = (days: number) => `from=${iso(Date.now() - days * DAY_MS - 60_000)}`;
    for (const query of [
      `bucket=hour&${from(MAX_USAGE_DAYS.hour)}`,
      `bucket=day&${from(MAX_USAGE_DAYS.day)}`,
      `from=${iso(Date.now() + DAY_MS)}`,
    ]) {
      const rejected = await usageOf(mir, liveKey, query);
      expectProblem(rejected, 422, 'VALIDATION_FAILED');
      expect(rejected.body.errors).toMatchObject([{ path: 'from', code: 'INVALID_RANGE' }]);
    }
    expect((await usageOf(mir, liveKey, `bucket=day&${from(MAX_USAGE_DAYS.day - 1)}`)).status).toBe(200);
  });
});

describe('the usage of an environment', () => {
  it('is not part of that of another partner or environment', async () => {
    const partner = await mir.partner();
    const other = await mir.partner();
    await submit(partner.liveKey, { events: someEvents(2) });
    for (const key of [partner.testKey, other.liveKey]) {
      const { body } = await usageOf(mir, key);
      expect(body.total.events.persisted).toBe(0);
      expect(body.total.requests).toMatchObject([{ group: 'usage', total: 1 }]);
    }
  });
});

describe('hours that have ended', () => {
  const store = (hoursAhead: number) =>
    storeUsage(
      { store: mir.ctx.store, link: mir.ctx.queueLink, keys: mir.ctx.keys },
      Date.now() + hoursAhead * HOUR_MS,
    );

  it('are stored and read from MongoDB, and again if responses are added later', async () => {
    const partner = await mir.partner();
    const tenant = live(partner);
    const { keys, queueLink } = mir.ctx;
    const redis = queueLink.client;
    await mir.client.get('/v1/events', partner.liveKey);
    await mir.ctx.usage.flush();
    await store(0);
    expect(await redis.smembers(keys.usage(tenant, 'hours'))).toHaveLength(1);
    await store(2);
    expect(await redis.smembers(keys.usage(tenant, 'hours'))).toEqual([]);
    const [row] = await mir.ctx.store.usage.model.find({ tenant }).lean();
    expect(row).toMatchObject({ kind: 'requests', counts: { 'in:events': 1, 'out:events:200:': 1 } });
    const hour = row!.at.getTime() / HOUR_MS;
    expect(await redis.pttl(keys.usage(tenant, hour))).toBeLessThanOrEqual(6 * HOUR_MS);
    const late = ['in:events', 1, 'out:events:404:NOT_FOUND', 1];
    const rows = [keys.usage(tenant, hour), keys.usage(tenant, 'hours')] as [string, string];
    await scripts.recordUsage(redis, rows, [keys.usage(tenant, ''), hour, 'p-2', 1, ...late]);
    expect(groupOf(await totalUsage(mir, partner.liveKey), 'events')).toMatchObject({ total: 2 });
    await store(2);
    await store(2);
    await redis.del(...rows);
    expect(groupOf(await totalUsage(mir, partner.liveKey), 'events')).toMatchObject({ total: 2, unfinished: 0 });
  });

  it('keep what responses add between reading and storing', async () => {
    const partner = await mir.partner();
    const { keys, queueLink } = mir.ctx;
    const tenant = live(partner);
    await mir.client.get('/v1/events', partner.liveKey);
    await mir.ctx.usage.flush();
    const [hour] = (await queueLink.client.smembers(keys.usage(tenant, 'hours'))).map(Number);
    const rows = [keys.usage(tenant, hour!), keys.usage(tenant, 'hours')] as [string, string];
    expect(await scripts.releaseUsage(queueLink.client, rows, [hour!, 'older', HOUR_MS])).toBe(0);
    expect(await queueLink.client.smembers(rows[1])).toEqual([String(hour)]);
  });
});
