import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { SubmittedEvent } from '../../../../shared/domain/event';
import { anEvent } from '../../../support/builders';
import type { TestAnswer } from '../../../support/client';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { expectProblem } from '../../../support/problems';

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness();
});
afterAll(() => mir.close());

const post = (key: string, body: unknown): Promise<TestAnswer> => mir.client.post('/v1/events', key, body);
const receiptOf = async (key: string, sent: TestAnswer): Promise<TestAnswer['body']> => {
  await mir.drained();
  return (await mir.client.get(`/v1/events/receipts/${sent.body.receiptId}`, key)).body;
};
const countOf = async (key: string, userExternalId = 'u-1'): Promise<number> => {
  await mir.drained();
  return (await mir.client.post('/v1/resolve', key, { userExternalId })).body.eventCount;
};
const storedOf = async (key: string): Promise<unknown[]> => {
  await mir.drained();
  return (await mir.client.get('/v1/events?limit=500', key)).body.data;
};

describe('POST /events: idempotency keys', () => {
  it('a repeat answers the same event under a new receipt, is a DUPLICATE there, and counts once', async () => {
    const { liveKey } = await mir.partner();
    const event = anEvent({ idempotencyKey: 'order-1', metadata: { a: 1 } });
    const first = await post(liveKey, event);
    const settled = await receiptOf(liveKey, first);
    const again = await post(liveKey, event);
    expect(again).toMatchObject({ status: 202, body: { eventId: first.body.eventId, status: 'ACCEPTED' } });
    expect(again.body.receiptId).not.toBe(first.body.receiptId);
    expect(await receiptOf(liveKey, again)).toMatchObject({
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
    expect(await storedOf(liveKey)).toHaveLength(1);
  });

  it('twenty repeats at once are one event', async () => {
    const { liveKey } = await mir.partner();
    const event = anEvent({ idempotencyKey: 'race' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(liveKey, event)));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.eventId}`)).size).toBe(1);
    expect(await countOf(liveKey)).toBe(1);
    const receipts = await Promise.all(answers.map((sent) => receiptOf(liveKey, sent)));
    expect(receipts.filter(({ persisted }) => persisted === 1)).toHaveLength(1);
    expect(receipts.filter(({ duplicates }) => duplicates === 1)).toHaveLength(19);
  });

  it.each<[string, Partial<SubmittedEvent>, Partial<SubmittedEvent>]>([
    ['the order of keys', { metadata: { a: 1, b: { c: 2, d: 3 } } }, { metadata: { b: { d: 3, c: 2 }, a: 1 } }],
    ['the time zone', { occurredAt: '2026-01-31T12:00:00Z' }, { occurredAt: '2026-01-31T14:30:00.000+02:30' }],
    ['the notation of a number', { weight: 1 }, JSON.parse('{"weight":1.0e0}') as Partial<SubmittedEvent>],
  ])('the same content in other words is the same content: %s', async (_what, one, other) => {
    const { liveKey } = await mir.partner();
    const first = await post(liveKey, anEvent({ idempotencyKey: 'k', ...one }));
    const again = await post(liveKey, anEvent({ idempotencyKey: 'k', ...other }));
    expect(again).toMatchObject({ status: 202, body: { eventId: first.body.eventId } });
    expect(await receiptOf(liveKey, again)).toMatchObject({ duplicates: 1, conflicts: 0 });
  });

  it.each<[string, Partial<SubmittedEvent>]>([
    ['the user', { userExternalId: 'u-2' }],
    ['the type', { eventType: 'mir.transaction.refunded' }],
    ['the time', { occurredAt: '2026-01-31T12:00:00.001Z' }],
    ['a default spelt out', { weight: 1 }],
    ['the metadata', { metadata: { a: [2, 1] } }],
  ])('rejects a reused key of a single event that differs in %s', async (_what, change) => {
    const { liveKey } = await mir.partner();
    const base = { occurredAt: '2026-01-31T12:00:00Z', metadata: { a: [1, 2] }, idempotencyKey: 'k' };
    expect((await post(liveKey, anEvent(base))).status).toBe(202);
    expectProblem(await post(liveKey, anEvent({ ...base, ...change })), 422, 'IDEMPOTENCY_KEY_REUSED');
    expect(await storedOf(liveKey)).toHaveLength(1);
  });

  it('a key reused in a batch is a CONFLICT in its receipt; what was stored first stays', async () => {
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
      items: [{ index: 1, eventId: first.body.eventId, outcome: 'CONFLICT' }],
    });
    const stored = await mir.client.get(`/v1/events/${first.body.eventId}`, liveKey);
    expect(stored.body.weight).toBe(1);
    expect(await countOf(liveKey)).toBe(1);
  });

  it('within one batch the same content is a DUPLICATE and other content an item error', async () => {
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

  it('a repeat of a whole batch is all DUPLICATE, whatever it is cut with', async () => {
    const { liveKey } = await mir.partner();
    const events = Array.from({ length: 700 }, (_, n) => anEvent({ idempotencyKey: `k-${n}` }));
    const first = await post(liveKey, { events });
    const again = await post(liveKey, { events: [anEvent({ idempotencyKey: 'new' }), ...events] });
    expect(again.body.eventIds.slice(1)).toEqual(first.body.eventIds);
    expect(await receiptOf(liveKey, again)).toMatchObject({ status: 'DONE', persisted: 1, duplicates: 700 });
    expect(await countOf(liveKey)).toBe(701);
  });

  it('events without a key are never taken for one another', async () => {
    const { liveKey } = await mir.partner();
    const [one, two] = await Promise.all([post(liveKey, anEvent()), post(liveKey, anEvent())]);
    expect(one.body.eventId).not.toBe(two.body.eventId);
    expect(await countOf(liveKey)).toBe(2);
  });

  it('two partners, and live and test of one, may use the same key for different things', async () => {
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
