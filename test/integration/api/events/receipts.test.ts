import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newChunkId, tenantOf } from '../../../../shared/domain/ids';
import { RECEIPT_RETENTION_MS, signReceipt } from '../../../../shared/domain/receipt';
import { anEvent, someEvents } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { pipelinedPosts } from '../../../support/raw-request';

const MINUTE_MS = 60_000;

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
});
afterAll(() => mir.close());

const post = (key: string, body: unknown): Promise<TestResponse> => mir.client.post('/v1/events', key, body);
const read = (key: string, receiptId: string): Promise<TestResponse> =>
  mir.client.get(`/v1/events/receipts/${receiptId}`, key);
const processQueue = async (): Promise<void> => {
  await mir.startWorkers();
  await mir.drained();
  await mir.stopWorkers();
};
const signed = ({ partnerId }: TestPartner, receivedAtMs: number): string =>
  signReceipt(mir.ctx.secrets.receipt, tenantOf(partnerId, 'live'), {
    base: newChunkId(receivedAtMs),
    chunks: 1,
    slot: 0,
    accepted: 1,
    receivedAtMs,
  });

describe('GET /v1/events/receipts/:receiptId', () => {
  it('returns QUEUED until a worker has processed the events, then DONE', async () => {
    const { liveKey } = await mir.partner();
    const single = await post(liveKey, anEvent());
    const batch = await post(liveKey, { events: someEvents(1_200) });
    for (const [sent, accepted] of [
      [single, 1],
      [batch, 1_200],
    ] as const) {
      const queued = {
        receiptId: sent.body.receiptId,
        status: 'QUEUED',
        accepted,
        persisted: 0,
        duplicates: 0,
        conflicts: 0,
        failed: 0,
        erased: 0,
        receivedAt: sent.body.receivedAt,
        settledAt: null,
      };
      expect((await read(liveKey, sent.body.receiptId)).body).toEqual(queued);
    }
    await processQueue();
    const done = await read(liveKey, batch.body.receiptId);
    expect(done.body).toMatchObject({ status: 'DONE', persisted: 1_200, receivedAt: batch.body.receivedAt });
    expect(Date.parse(done.body.settledAt)).toBeGreaterThanOrEqual(Date.parse(batch.body.receivedAt));
    expect((await read(liveKey, single.body.receiptId)).body.status).toBe('DONE');
  });

  it('returns QUEUED for a receipt with several chunks until the last chunk is finalized', async () => {
    const { liveKey } = await mir.partner();
    const sent = await post(liveKey, { events: someEvents(1_000) });
    await processQueue();
    const { store } = mir.ctx;
    const part = await store.receipts.model.findOne({ total: 500, tenant: { $exists: true } }).sort({ _id: -1 });
    await store.receipts.model.deleteOne({ _id: part!._id });
    expect((await read(liveKey, sent.body.receiptId)).body).toMatchObject({ status: 'QUEUED', persisted: 500 });
  });

  it("returns each event's own outcome when events submitted individually share a chunk", async () => {
    const { liveKey } = await mir.partner();
    await post(liveKey, { events: [anEvent({ idempotencyKey: 'seen', weight: 1 })] });
    await processQueue();
    const responses = await pipelinedPosts(mir.url, '/v1/events', liveKey, [
      anEvent(),
      anEvent({ idempotencyKey: 'seen', weight: 1 }),
      anEvent({ idempotencyKey: 'seen', weight: 2 }),
    ]);
    expect(responses.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(await mir.ctx.queues.events.getWaitingCount()).toBe(1);
    const [fresh, repeat, other] = responses.map(({ body }) => body.receiptId as string);
    await processQueue();
    const plain = (await read(liveKey, fresh!)).body;
    expect(plain).toMatchObject({ status: 'DONE', accepted: 1, persisted: 1, duplicates: 0, conflicts: 0 });
    expect(plain).not.toHaveProperty('items');
    expect((await read(liveKey, repeat!)).body).toMatchObject({
      status: 'DONE',
      accepted: 1,
      persisted: 0,
      duplicates: 1,
      conflicts: 0,
      items: [{ index: 0, outcome: 'DUPLICATE' }],
    });
    expect((await read(liveKey, other!)).body).toMatchObject({
      status: 'DONE_WITH_FAILURES',
      accepted: 1,
      persisted: 0,
      duplicates: 0,
      conflicts: 1,
      items: [{ index: 0, outcome: 'CONFLICT' }],
    });
  });

  it('reports events that the worker cannot read as FAILED, with a code and a message', async () => {
    const { liveKey } = await mir.partner();
    const sent = await post(liveKey, { events: someEvents(2) });
    const [job] = await mir.ctx.queues.events.getJobs(['waiting', 'prioritized']);
    await job!.updateData({ ...job!.data, v: 99 });
    await processQueue();
    expect((await read(liveKey, sent.body.receiptId)).body).toMatchObject({
      status: 'DONE_WITH_FAILURES',
      accepted: 2,
      persisted: 0,
      failed: 2,
      items: [0, 1].map((index) => ({
        index,
        eventId: sent.body.eventIds[index],
        outcome: 'FAILED',
        code: 'PAYLOAD_UNREADABLE',
        message: expect.any(String),
      })),
    });
  });

  it('returns a receipt for 30 days, and returns 404 after that', async () => {
    const partner = await mir.partner();
    const limitMs = Date.now() - RECEIPT_RETENTION_MS;
    const kept = await read(partner.liveKey, signed(partner, limitMs + MINUTE_MS));
    expect([kept.status, kept.body.status]).toEqual([200, 'QUEUED']);
    expectProblem(await read(partner.liveKey, signed(partner, limitMs - MINUTE_MS)), 404, 'NOT_FOUND');
  });

  it('returns 404 for a forged or altered receipt ID', async () => {
    const partner = await mir.partner();
    const other = await mir.partner();
    const valid = signed(partner, Date.now());
    const forged = [
      valid.slice(0, -1) + (valid.endsWith('A') ? 'B' : 'A'),
      valid.replace(/\.1\./, '.2.'),
      valid.slice(0, valid.lastIndexOf('.')),
      signed(other, Date.now()),
      'rcpt_live_',
      '$ne',
    ];
    for (const receiptId of forged) {
      expect(receiptId).not.toBe(valid);
      expectProblem(await read(partner.liveKey, encodeURIComponent(receiptId)), 404, 'NOT_FOUND');
    }
  });
});
