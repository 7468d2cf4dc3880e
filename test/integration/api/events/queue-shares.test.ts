import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { MAX_EVENTS_PER_CHUNK } from '../../../../shared/queue/event-chunk';
import { anEvent, someEvents } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';

/** Enough for about 24 chunks of `CHUNK`, of which one partner may have about six. */
const MAX_QUEUED_BYTES = 4_000_000;
const CHUNK = { events: someEvents(MAX_EVENTS_PER_CHUNK) };
const MAX_CHUNKS = 40;

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await startHarness({ workers: false, env: { MAX_QUEUED_BYTES: String(MAX_QUEUED_BYTES) } });
});
beforeEach(async () => {
  const { queueLink, keys, queues } = mir.ctx;
  await queues.events.obliterate({ force: true });
  await queues['bulk-events'].obliterate({ force: true });
  await queueLink.client.del(keys.reservations(0), keys.reservedBytes(0), keys.partnerBytes(0));
  await queueLink.client.del(keys.bulkFinishes(0), keys.bulkClock(0));
  partner = await mir.partner();
});
afterAll(() => mir.close());

const submit = ({ liveKey }: TestPartner, body: unknown = CHUNK): Promise<TestResponse> =>
  mir.client.post('/v1/events', liveKey, body);
const openChunks = ({ partnerId }: TestPartner): Promise<number> =>
  mir.ctx.queueLink.client.zcard(mir.ctx.keys.openChunks(tenantOf(partnerId, 'live')));

/** Submits chunks until one is rejected. Returns the response and the number of accepted chunks. */
async function fill(filling: TestPartner): Promise<{ response: TestResponse; accepted: number }> {
  for (let accepted = 0; accepted < MAX_CHUNKS; accepted += 1) {
    const response = await submit(filling);
    if (response.status !== 202) return { response, accepted };
  }
  throw new Error(`all ${MAX_CHUNKS} chunks were accepted`);
}

describe("a partner's share of the queue", () => {
  it('returns 429 to a partner that has filled its share, and stores nothing', async () => {
    const { response, accepted } = await fill(partner);
    expect(response).toMatchObject({ status: 429, body: { code: 'QUEUE_SHARE_EXCEEDED' } });
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await openChunks(partner)).toBe(accepted);
    expect((await submit(partner, anEvent())).status).toBe(429);
    expect(await openChunks(partner)).toBe(accepted);
  });

  it('still accepts events from other partners, and from the same partner in its other environment', async () => {
    await fill(partner);
    const other = await mir.partner();
    expect((await submit(other)).status).toBe(202);
    expect((await submit(other, anEvent())).status).toBe(202);
    expect((await mir.client.post('/v1/events', partner.testKey, anEvent())).status).toBe(202);
  });

  it('lets a partner with a larger share queue more', async () => {
    const { accepted } = await fill(partner);
    const limits = { eventsPerMinute: 10_000_000, requestsPerMinute: 1_000_000, queueSharePercent: 40 };
    expect((await fill(await mir.partner({ limits }))).accepted).toBeGreaterThan(accepted);
  });
});

describe('lanes', () => {
  it('queues a few small chunks as interactive, and all other chunks in the order of the tenants', async () => {
    const { events, 'bulk-events': bulk } = mir.ctx.queues;
    for (let n = 0; n < 3; n += 1) expect((await submit(partner, { events: someEvents(30) })).status).toBe(202);
    for (let n = 0; n < 4; n += 1) expect((await submit(partner)).status).toBe(202);
    expect(await events.getJobCountByTypes('waiting', 'prioritized')).toBe(3);
    const priorities = (await bulk.getJobs(['waiting', 'prioritized'])).map(({ opts }) => opts.priority!);
    expect(priorities).toHaveLength(4);
    expect(new Set(priorities).size).toBe(4);
  });
});
