import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { SubmittedEvent } from '../../../../shared/domain/event';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { expectProblem } from '../../../support/problems';

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness();
});
afterAll(() => mir.close());

const post = (key: string, body: unknown): Promise<TestResponse> => mir.client.post('/v1/events', key, body);
const receiptOf = async (key: string, sent: TestResponse): Promise<TestResponse['body']> => {
  await mir.drained();
  return (await mir.client.get(`/v1/events/receipts/${sent.body.receiptId}`, key)).body;
};
const countOf = async (key: string, userExternalId = 'u-1'): Promise<number> => {
  await mir.drained();
  return (await mir.client.post('/v1/resolve', key, { userExternalId })).body.eventCount;
};
const storedEvents = async (key: string): Promise<unknown[]> => {
  await mir.drained();
  return (await mir.client.get('/v1/events?limit=500', key)).body.data;
};

describe('idempotency keys in POST /v1/events', () => {
  it('returns the same event ID and a new receipt for a repeat, and counts the event only once', async () => {
    const { liveKey } = await mir.partner();
    const event = anEvent({ idempotencyKey: 'order-1', metadata: { a: 1 } });
    const first = await post(liveKey, event);
    const settled = await receiptOf(liveKey, first);
    const repeat = await post(liveKey, event);
    expect(repeat).toMatchObject({ status: 202, body: { eventId: first.body.eventId, status: 'ACCEPTED' } });
    expect(repeat.body.receiptId).not.toBe(first.body.receiptId);
    expect(await receiptOf(liveKey, repeat)).toMatchObject({
      status: 'DONE',
      accepted: 1,
      persisted: 0,
      duplicates: 1,
      conflicts: 0,
      failed: 0,
      items: [{ index: 0, eventId: first.body.eventId, outcome: 'DUPLICATE' }],
    });
    expect(await receiptOf(liveKey, first)).toEqual(settled);
    expect(await countOf(liveKey)).toBe(1);
    expect(await storedEvents(liveKey)).toHaveLength(1);
  });

  it('stores only one event for twenty concurrent repeats', async () => {
    const { liveKey } = await mir.partner();
    const event = anEvent({ idempotencyKey: 'race' });
    const responses = await Promise.all(Array.from({ length: 20 }, () => post(liveKey, event)));
    expect(new Set(responses.map(({ status, body }) => `${status} ${body.eventId}`)).size).toBe(1);
    expect(await countOf(liveKey)).toBe(1);
    const receipts = await Promise.all(responses.map((sent) => receiptOf(liveKey, sent)));
    expect(receipts.filter(({ persisted }) => persisted === 1)).toHaveLength(1);
    expect(receipts.filter(({ duplicates }) => duplicates === 1)).toHaveLength(19);
  });

  it.each<[string, Partial<SubmittedEvent>, Partial<SubmittedEvent>]>([
    ['key order', { metadata: { a: 1, b: { c: 2, d: 3 } } }, { metadata: { b: { d: 3, c: 2 }, a: 1 } }],
    ['time zone', { occurredAt: '2026-01-31T12:00:00Z' }, { occurredAt: '2026-01-31T14:30:00.000+02:30' }],
    ['number notation', { weight: 1 }, JSON.parse('{"weight":1.0e0}') as Partial<SubmittedEvent>],
  ])('treats content that differs only in %s as identical', async (_what, one, other) => {
    const { liveKey } = await mir.partner();
    const first = await post(liveKey, anEvent({ idempotencyKey: 'k', ...one }));
    const repeat = await post(liveKey, anEvent({ idempotencyKey: 'k', ...other }));
    expect(repeat).toMatchObject({ status: 202, body: { eventId: first.body.eventId } });
    expect(await receiptOf(liveKey, repeat)).toMatchObject({ duplicates: 1, conflicts: 0 });
  });

  it.each<[string, Partial<SubmittedEvent>]>([
    ['the user', { userExternalId: 'u-2' }],
    ['the type', { eventType: 'mir.transaction.refunded' }],
    ['the time', { occurredAt: '2026-01-31T12:00:00.001Z' }],
    ['an explicit default', { weight: 1 }],
    ['the metadata', { metadata: { a: [2, 1] } }],
  ])('rejects an individually submitted event that reuses a key but differs in %s', async (_what, change) => {
    const { liveKey } = await mir.partner();
    const base = { occurredAt: '2026-01-31T12:00:00Z', metadata: { a: [1, 2] }, idempotencyKey: 'k' };
    expect((await post(liveKey, anEvent(base))).status).toBe(202);
    await mir.drained();
    expectProblem(await post(liveKey, anEvent({ ...base, ...change })), 422, 'IDEMPOTENCY_KEY_REUSED');
    expect(await storedEvents(liveKey)).toHaveLength(1);
  });

  it('reports a batch event that reuses a key with different content as a CONFLICT, and keeps the stored event', async () => {
    const { liveKey } = await mir.partner();
    const first = await post(liveKey, anEvent({ idempotencyKey: 'k', weight: 1 }));
    await mir.drained();
    const events = [anEvent({ userExternalId: 'u-2' }), anEvent({ idempotencyKey: 'k', weight: 2 })];
    const batch = await post(liveKey, { events });
    expect(batch).toMatchObject({ status: 202, body: { accepted: 2 } });
    expect(batch.body.eventIds[1]).toBe(first.body.eventId);
    expect(await receiptOf(liveKey, batch)).toMatchObject({
      status: 'DONE_WITH_FAILURES',
      persisted: 1,
      conflicts: 1,
      duplicates: 0,
      items: [
        {
          index: 1,
          eventId: first.body.eventId,
          outcome: 'CONFLICT',
          code: 'IDEMPOTENCY_KEY_REUSED',
          message: expect.stringContaining('content differs'),
          firstReceivedAt: first.body.receivedAt,
        },
      ],
    });
    const stored = await mir.client.get(`/v1/events/${first.body.eventId}`, liveKey);
    expect(stored.body.weight).toBe(1);
    expect(await countOf(liveKey)).toBe(1);
  });

  it('reports an event that repeats a key within its batch as a DUPLICATE, or as an item error if the content differs', async () => {
    const { liveKey } = await mir.partner();
    const events = [
      anEvent({ idempotencyKey: 'k', weight: 3 }),
      anEvent({ idempotencyKey: 'k', weight: 3 }),
      anEvent({ idempotencyKey: 'k', weight: 4 }),
      anEvent({ idempotencyKey: 'other', weight: 4 }),
    ];
    const sent = await post(liveKey, { events });
    expect(sent).toMatchObject({ status: 202, body: { accepted: 3, rejected: 1 } });
    expect(sent.body.errors).toEqual([
      { index: 2, path: 'idempotencyKey', code: 'IDEMPOTENCY_KEY_REUSED', message: expect.any(String) },
    ]);
    const [one, two, three] = sent.body.eventIds;
    expect([two, three]).toEqual([one, null]);
    expect(await receiptOf(liveKey, sent)).toMatchObject({
      status: 'DONE',
      persisted: 2,
      duplicates: 1,
      items: [{ index: 1, outcome: 'DUPLICATE' }],
    });
    expect(await countOf(liveKey)).toBe(2);
  });

  it('reports every event in a resent batch as a DUPLICATE, even when the batch is split into different chunks', async () => {
    const { liveKey } = await mir.partner();
    const events = Array.from({ length: 700 }, (_, n) => anEvent({ idempotencyKey: `k-${n}` }));
    const first = await post(liveKey, { events });
    const repeat = await post(liveKey, { events: [anEvent({ idempotencyKey: 'new' }), ...events] });
    expect(repeat.body.eventIds.slice(1)).toEqual(first.body.eventIds);
    expect(await receiptOf(liveKey, repeat)).toMatchObject({ status: 'DONE', persisted: 1, duplicates: 700 });
    expect(await countOf(liveKey)).toBe(701);
  });

  it('never deduplicates events without an idempotency key', async () => {
    const { liveKey } = await mir.partner();
    const [one, two] = await Promise.all([post(liveKey, anEvent()), post(liveKey, anEvent())]);
    expect(one.body.eventId).not.toBe(two.body.eventId);
    expect(await countOf(liveKey)).toBe(2);
  });

  it('keeps the idempotency keys of each partner and environment separate', async () => {
    const [a, b] = [await mir.partner(), await mir.partner()];
    const sent = [
      await post(a.liveKey, anEvent({ idempotencyKey: 'k', weight: 1 })),
      await post(b.liveKey, anEvent({ idempotencyKey: 'k', weight: 2 })),
      await post(a.testKey, anEvent({ idempotencyKey: 'k', weight: 3 })),
    ];
    expect(sent.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(new Set(sent.map(({ body }) => body.eventId)).size).toBe(3);
    for (const [n, key] of [a.liveKey, b.liveKey, a.testKey].entries()) {
      expect(await receiptOf(key, sent[n]!)).toMatchObject({ status: 'DONE', persisted: 1 });
    }
  });
});
