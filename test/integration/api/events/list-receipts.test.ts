import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChunkId, newChunkId, type Tenant, tenantOf } from '../../../../shared/domain/ids';
import { chunkIdAt, RECEIPT_RETENTION_MS } from '../../../../shared/domain/receipt';
import { MAX_ROWS_EXAMINED } from '../../../../shared/store/list-page';
import { type ReceiptItem, receiptPartOf } from '../../../../shared/store/receipts';
import { anEvent, someEvents } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { pipelinedPosts } from '../../../support/raw-request';

const HOUR_MS = 3_600_000;
const FAILURES = 'status=DONE_WITH_FAILURES';

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
});
afterAll(() => mir.close());

type Receipt = Record<'receiptId' | 'status' | 'receivedAt', string> & { accepted: number };

const post = (key: string, body: unknown): Promise<TestResponse> => mir.client.post('/v1/events', key, body);
const list = (key: string, query = ''): Promise<TestResponse> => mir.client.get(`/v1/events/receipts?${query}`, key);
const receiptsOf = ({ body }: TestResponse): Receipt[] => body.data as Receipt[];
const idsOf = (response: TestResponse): string[] => receiptsOf(response).map(({ receiptId }) => receiptId);
const idOf = ({ body }: { body: unknown }): string => (body as Receipt).receiptId;
const processQueue = async (): Promise<void> => {
  await mir.startWorkers();
  await mir.drained();
  await mir.stopWorkers();
};

/** Returns the receipts of all pages, and the number of pages. */
async function listAll(key: string, query: string): Promise<{ receipts: Receipt[]; pages: number }> {
  const receipts: Receipt[] = [];
  let pages = 0;
  for (let cursor: string | null = ''; cursor !== null; pages += 1) {
    const page = await list(key, `${query}${cursor && `&cursor=${cursor}`}`);
    expect(page.status).toBe(200);
    receipts.push(...receiptsOf(page));
    cursor = page.body.nextCursor as string | null;
  }
  return { receipts, pages };
}

const failed = (index: number): ReceiptItem => ({
  index,
  eventId: `evt_${index}` as ReceiptItem['eventId'],
  outcome: 'FAILED',
  code: 'STORE_REFUSED',
  message: 'no',
});

/** Stores the parts of batches as workers write them. */
async function putBatch(
  tenant: Tenant,
  { receivedAtMs, failedParts = [], written }: { receivedAtMs: number; failedParts?: number[]; written: number[] },
): Promise<ChunkId> {
  const base = newChunkId(receivedAtMs);
  const batch = { chunks: 3, accepted: 1_100 };
  const parts = written.map((n) => {
    const total = n === 2 ? 100 : 500;
    const items = failedParts.includes(n) ? [failed(500 * n)] : [];
    const submission = { receivedAt: new Date(receivedAtMs), batch };
    return receiptPartOf({ chunkId: chunkIdAt(base, n), tenant, total, items, submission }, new Date());
  });
  await mir.ctx.store.receipts.put(parts);
  return base;
}

const tenantOfPartner = ({ partnerId }: TestPartner): Tenant => tenantOf(partnerId, 'live');

describe('GET /v1/events/receipts', () => {
  it('lists receipts as they are returned by ID, newest first, without items', async () => {
    const { liveKey } = await mir.partner();
    const batch = await post(liveKey, { events: someEvents(1_200) });
    const single = await post(liveKey, anEvent({ idempotencyKey: 'k', weight: 1 }));
    await processQueue();
    const mixed = await post(liveKey, { events: [anEvent({ idempotencyKey: 'k', weight: 2 }), anEvent(), {}] });
    await processQueue();
    const listed = await list(liveKey);
    expect(idsOf(listed)).toEqual([idOf(mixed), idOf(single), idOf(batch)]);
    for (const receipt of receiptsOf(listed)) {
      const { items: _items, ...one } = (await mir.client.get(`/v1/events/receipts/${receipt.receiptId}`, liveKey))
        .body;
      expect(receipt).toEqual(one);
    }
    expect(receiptsOf(listed)).toMatchObject([
      { status: 'DONE_WITH_FAILURES', accepted: 2, persisted: 1, conflicts: 1 },
      { status: 'DONE', accepted: 1, persisted: 1 },
      { status: 'DONE', accepted: 1_200, persisted: 1_200 },
    ]);
    expect(listed.body.nextCursor).toBeNull();
  });

  it('lists single events that share a chunk one by one, with their own outcomes', async () => {
    const { liveKey } = await mir.partner();
    await post(liveKey, { events: [anEvent({ idempotencyKey: 'seen', weight: 1 })] });
    await processQueue();
    const events = [anEvent(), anEvent({ idempotencyKey: 'seen', weight: 1 }), anEvent(), anEvent()];
    events[2] = anEvent({ idempotencyKey: 'seen', weight: 2 });
    const sent = await pipelinedPosts(mir.url, '/v1/events', liveKey, events);
    expect(await mir.ctx.queues.events.getWaitingCount()).toBe(1);
    await processQueue();
    const outcomes = receiptsOf(await list(liveKey, 'limit=4'));
    expect(outcomes.map(({ receiptId }) => receiptId)).toEqual(sent.map(idOf).reverse());
    expect(outcomes).toMatchObject([
      { status: 'DONE', persisted: 1 },
      { status: 'DONE_WITH_FAILURES', persisted: 0, conflicts: 1 },
      { status: 'DONE', persisted: 0, duplicates: 1 },
      { status: 'DONE', persisted: 1 },
    ]);
    expect(idsOf(await list(liveKey, FAILURES))).toEqual([idOf(sent[2]!)]);
  });

  it.each([1, 3, 7, 500])('pages through receipts of all kinds, each exactly once, in pages of %i', async (limit) => {
    const { liveKey } = await mir.partner();
    const sent: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const singles = Array.from({ length: 4 }, () => anEvent());
      sent.push(...(await pipelinedPosts(mir.url, '/v1/events', liveKey, singles)).map(idOf));
      sent.push(idOf(await post(liveKey, { events: someEvents(3) })));
    }
    await processQueue();
    const { receipts, pages } = await listAll(liveKey, `limit=${limit}`);
    expect(receipts.map(({ receiptId }) => receiptId)).toEqual(sent.reverse());
    // Every page is full, except for the last one.
    expect(pages).toBe(Math.ceil(15 / limit));
  });

  it('does not list submissions that are still queued', async () => {
    const { liveKey } = await mir.partner();
    const sent = await post(liveKey, anEvent());
    expect(receiptsOf(await list(liveKey))).toEqual([]);
    await processQueue();
    expect(idsOf(await list(liveKey))).toEqual([idOf(sent)]);
  });

  it('lists a batch as QUEUED while some of its chunks are not finalized', async () => {
    const partner = await mir.partner();
    const receivedAtMs = Date.now() - HOUR_MS;
    await putBatch(tenantOfPartner(partner), { receivedAtMs, written: [0, 2] });
    expect((await list(partner.liveKey)).body.data).toMatchObject([
      { status: 'QUEUED', accepted: 1_100, persisted: 600, settledAt: null },
    ]);
  });

  it('lists a batch with failures in several chunks once, on any page, and only when it is final', async () => {
    const partner = await mir.partner();
    const tenant = tenantOfPartner(partner);
    const nowMs = Date.now() - HOUR_MS;
    const all = [0, 1, 2];
    await putBatch(tenant, { receivedAtMs: nowMs + 3, failedParts: [1], written: [0, 1] });
    await putBatch(tenant, { receivedAtMs: nowMs + 2, failedParts: all, written: all });
    await putBatch(tenant, { receivedAtMs: nowMs + 1, written: all });
    await putBatch(tenant, { receivedAtMs: nowMs, failedParts: [1, 2], written: all });
    for (const limit of [1, 2, 3, 500]) {
      const { receipts } = await listAll(partner.liveKey, `${FAILURES}&limit=${limit}`);
      expect(receipts).toMatchObject([
        { receivedAt: new Date(nowMs + 2).toISOString(), accepted: 1_100, persisted: 1_097, failed: 3 },
        { receivedAt: new Date(nowMs).toISOString(), accepted: 1_100, persisted: 1_098, failed: 2 },
      ]);
    }
    expect(receiptsOf(await list(partner.liveKey)).map(({ status }) => status)).toEqual([
      'QUEUED',
      'DONE_WITH_FAILURES',
      'DONE',
      'DONE_WITH_FAILURES',
    ]);
  });

  it('lists each failed event of shared chunks once, although a page reads a limited number of chunks', async () => {
    const partner = await mir.partner();
    const tenant = tenantOfPartner(partner);
    const nowMs = Date.now() - HOUR_MS;
    const parts = Array.from({ length: 12 }, (_, n) => {
      const submission = { receivedAt: new Date(nowMs + n), batch: null };
      const items = [failed(3), failed(499)];
      return receiptPartOf({ chunkId: newChunkId(nowMs + n), tenant, total: 500, items, submission }, new Date());
    });
    await mir.ctx.store.receipts.put(parts);
    for (const limit of [1, 500]) {
      const { receipts, pages } = await listAll(partner.liveKey, `${FAILURES}&limit=${limit}`);
      expect(new Set(receipts.map(({ receiptId }) => receiptId)).size).toBe(24);
      expect(receipts).toHaveLength(24);
      if (limit === 500) expect(pages).toBe(Math.ceil((12 * 500) / MAX_ROWS_EXAMINED));
    }
  });

  it('lists submissions of which a worker could read only the envelope as failed', async () => {
    const { liveKey } = await mir.partner();
    const batch = await post(liveKey, { events: someEvents(2) });
    const single = await post(liveKey, anEvent());
    for (const job of await mir.ctx.queues.events.getJobs(['waiting', 'prioritized'])) {
      await job.updateData({ ...job.data, v: 99 });
    }
    await processQueue();
    expect(receiptsOf(await list(liveKey, FAILURES))).toMatchObject([
      { receiptId: idOf(single), accepted: 1, persisted: 0, failed: 1 },
      { receiptId: idOf(batch), accepted: 2, persisted: 0, failed: 2 },
    ]);
  });

  it('filters by the time at which the events were received', async () => {
    const partner = await mir.partner();
    const tenant = tenantOfPartner(partner);
    const nowMs = Date.now();
    for (const hours of [1, 2, 3]) {
      await putBatch(tenant, { receivedAtMs: nowMs - hours * HOUR_MS, failedParts: [0], written: [0, 1, 2] });
    }
    const at = (hours: number): string => encodeURIComponent(new Date(nowMs - hours * HOUR_MS).toISOString());
    for (const status of ['', `&${FAILURES}`]) {
      const found = receiptsOf(await list(partner.liveKey, `from=${at(2)}&to=${at(1)}${status}`));
      expect(found.map(({ receivedAt }) => Date.parse(receivedAt))).toEqual([nowMs - 2 * HOUR_MS]);
    }
  });

  it('does not list receipts after 30 days, or parts from earlier versions', async () => {
    const partner = await mir.partner();
    const tenant = tenantOfPartner(partner);
    const limitMs = Date.now() - RECEIPT_RETENTION_MS;
    await putBatch(tenant, { receivedAtMs: limitMs - HOUR_MS, written: [0, 1, 2] });
    const kept = await putBatch(tenant, { receivedAtMs: limitMs + HOUR_MS, written: [0, 1, 2] });
    const former = { chunkId: newChunkId(Date.now()), tenant, total: 1, items: [failed(0)], submission: null };
    await mir.ctx.store.receipts.put([receiptPartOf(former, new Date())]);
    const long = `from=${encodeURIComponent('2020-01-01T00:00:00Z')}`;
    expect(idsOf(await list(partner.liveKey, long)).map((id) => id.includes(kept))).toEqual([true]);
    expect(idsOf(await list(partner.liveKey, FAILURES))).toEqual([]);
  });

  it('keeps partners and environments apart, also with a cursor of another', async () => {
    const [partner, other] = [await mir.partner(), await mir.partner()];
    await pipelinedPosts(mir.url, '/v1/events', partner.liveKey, [anEvent(), anEvent()]);
    await processQueue();
    const page = await list(partner.liveKey, 'limit=1');
    expect(page.body.nextCursor).not.toBeNull();
    for (const key of [partner.testKey, other.liveKey]) {
      expect(receiptsOf(await list(key))).toEqual([]);
      expectProblem(await list(key, `cursor=${page.body.nextCursor}`), 422, 'VALIDATION_FAILED');
    }
  });

  it('continues after a shared chunk that expired between two pages', async () => {
    const { liveKey } = await mir.partner();
    const older = await post(liveKey, { events: [anEvent()] });
    await pipelinedPosts(mir.url, '/v1/events', liveKey, [anEvent(), anEvent(), anEvent()]);
    await processQueue();
    const page = await list(liveKey, 'limit=1');
    const shared = idsOf(page)[0]!.split('_')[2]!.split('.')[0] as ChunkId;
    expect((await mir.ctx.store.receipts.model.deleteOne({ _id: shared })).deletedCount).toBe(1);
    expect(idsOf(await list(liveKey, `limit=1&cursor=${page.body.nextCursor}`))).toEqual([idOf(older)]);
  });

  it('is not served without /v1, and does not hide the receipts under it', async () => {
    const { liveKey } = await mir.partner();
    const sent = await post(liveKey, anEvent());
    expectProblem(await mir.client.get('/events/receipts', liveKey), 404, 'NOT_FOUND');
    expect((await mir.client.get(`/events/receipts/${idOf(sent)}`, liveKey)).status).toBe(200);
  });
});
