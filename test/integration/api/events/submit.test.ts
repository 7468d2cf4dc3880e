import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type PartnerId, tenantOf } from '../../../../shared/domain/ids';
import { anEvent, someEvents } from '../../../support/builders';
import { type Harness, startHarness } from '../../../support/harness';
import { errorsOf, expectProblem } from '../../../support/problems';

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness();
});
afterAll(() => mir.close());

const lines = (...values: unknown[]): string => values.map((value) => JSON.stringify(value)).join('\n');
const storedCount = async (partnerId: PartnerId): Promise<number> => {
  await mir.drained();
  return mir.ctx.store.events.model.countDocuments({ tenant: tenantOf(partnerId, 'live') });
};

describe('POST /v1/events', () => {
  it('accepts one event, returns its ID, receipt ID and time of receipt, and stores the event as submitted', async () => {
    const { liveKey } = await mir.partner();
    const event = anEvent({
      occurredAt: '2026-01-31T13:00:00.000+01:00',
      weight: 2.5,
      metadata: { order: 'A-1', lines: [1, { sku: 'x.y' }], constructor: { name: 'Ada' } },
    });
    const sent = await mir.client.post('/v1/events', liveKey, event);
    expect(sent.status).toBe(202);
    expect(sent.body).toEqual({
      eventId: expect.stringMatching(/^evt_live_/),
      receiptId: expect.stringMatching(/^rcpt_live_/),
      status: 'ACCEPTED',
      receivedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    await mir.drained();
    const read = await mir.client.get(`/v1/events/${sent.body.eventId}`, liveKey);
    expect(read.body).toEqual({
      eventId: sent.body.eventId,
      userRef: expect.stringMatching(/^usr_[\w-]{22}$/),
      eventType: 'mir.transaction.completed',
      occurredAt: '2026-01-31T12:00:00.000Z',
      receivedAt: sent.body.receivedAt,
      weight: 2.5,
      metadata: { order: 'A-1', lines: [1, { sku: 'x.y' }], constructor: { name: 'Ada' } },
      agentId: null,
    });
  });

  it('sets occurredAt to the time of receipt and weight to 1 when an event omits these fields', async () => {
    const { liveKey } = await mir.partner();
    const sent = await mir.client.post('/events', liveKey, anEvent());
    await mir.drained();
    const read = await mir.client.get(`/events/${sent.body.eventId}`, liveKey);
    expect(read.body).toMatchObject({ occurredAt: sent.body.receivedAt, weight: 1, metadata: null });
  });

  it('serves the same API with and without the /v1 prefix', async () => {
    const { liveKey } = await mir.partner();
    const bare = await mir.client.post('/events', liveKey, anEvent({ idempotencyKey: 'k' }));
    const versioned = await mir.client.post('/v1/events', liveKey, anEvent({ idempotencyKey: 'k' }));
    expect([bare.status, versioned.status]).toEqual([202, 202]);
    expect(versioned.body.eventId).toBe(bare.body.eventId);
  });

  it('does not store the raw user ID in the queue or the database', async () => {
    const { liveKey, partnerId } = await mir.partner();
    await mir.stopWorkers();
    await mir.client.post('/events', liveKey, anEvent({ userExternalId: 'very-private-id' }));
    const jobs = await mir.ctx.queues.events.getJobs();
    expect(jobs).toHaveLength(1);
    expect(JSON.stringify(jobs[0]!.data)).not.toContain('very-private-id');
    await mir.startWorkers();
    await mir.drained();
    const docs = await mir.ctx.store.events.model.find({ tenant: tenantOf(partnerId, 'live') }).lean();
    const users = await mir.ctx.store.users.model.find({ tenant: tenantOf(partnerId, 'live') }).lean();
    expect([docs.length, users.length]).toEqual([1, 1]);
    expect(JSON.stringify([docs, users])).not.toContain('very-private-id');
  });

  it("returns the ID of each event in a batch at the event's index", async () => {
    const { liveKey, partnerId } = await mir.partner();
    const sent = await mir.client.post('/v1/events', liveKey, { events: someEvents(3) });
    expect(sent.status).toBe(202);
    expect(sent.body).toMatchObject({ accepted: 3, rejected: 0, errors: [] });
    expect(new Set(sent.body.eventIds).size).toBe(3);
    expect(await storedCount(partnerId)).toBe(3);
    const second = await mir.client.get(`/v1/events/${sent.body.eventIds[1]}?`, liveKey);
    const listed = await mir.client.get('/v1/events?userExternalId=u-1', liveKey);
    expect(listed.body.data).toEqual([{ ...second.body, userExternalId: 'u-1' }]);
  });

  it('accepts NDJSON with one event per line, and tolerates empty lines and CRLF line endings', async () => {
    const { liveKey, partnerId } = await mir.partner();
    const body = `${JSON.stringify(anEvent())}\r\n\r\n  \n${JSON.stringify(anEvent({ userExternalId: 'u-2' }))}\n`;
    const sent = await mir.client.post('/v1/events', liveKey, body, { 'content-type': 'application/x-ndjson' });
    expect(sent).toMatchObject({ status: 202, body: { accepted: 2, rejected: 0 } });
    expect(await storedCount(partnerId)).toBe(2);
  });

  it.each([
    ['one event', 'application/json', JSON.stringify(anEvent()), 1],
    ['a batch', 'application/json; charset=UTF-8', JSON.stringify({ events: someEvents(600) }), 600],
    ['NDJSON', 'application/x-ndjson', lines(...someEvents(7)), 7],
  ])('accepts a gzip-compressed body: %s', async (_what, type, body, count) => {
    const { liveKey, partnerId } = await mir.partner();
    const sent = await mir.client.post('/v1/events', liveKey, gzipSync(body), {
      'content-type': type,
      'content-encoding': 'gzip',
    });
    expect(sent.status).toBe(202);
    expect(await storedCount(partnerId)).toBe(count);
  });

  it('reports invalid events in a batch by index, path and code, and accepts the valid events', async () => {
    const { liveKey, partnerId } = await mir.partner();
    const events = [
      anEvent({ userExternalId: 'u-a' }),
      { ...anEvent(), userExternalId: '', weight: 11, wieght: 1 },
      anEvent({ userExternalId: 'u-b' }),
      null,
      anEvent({ metadata: { a: { $where: 1 } } }),
    ];
    const sent = await mir.client.post('/v1/events', liveKey, { events });
    expect(sent.status).toBe(202);
    expect(sent.body).toMatchObject({
      accepted: 2,
      rejected: 3,
      eventIds: [expect.any(String), null, expect.any(String), null, null],
    });
    const reported = sent.body.errors.map((e: { index: number; path: string; code: string }) => [
      e.index,
      e.path,
      e.code,
    ]);
    expect(reported).toEqual(
      expect.arrayContaining([
        [1, 'userExternalId', 'TOO_SMALL'],
        [1, 'weight', 'TOO_BIG'],
        [1, 'wieght', 'UNKNOWN_FIELD'],
        [3, '', 'INVALID_TYPE'],
        [4, 'metadata.a.$where', 'INVALID_KEY'],
      ]),
    );
    expect(reported).toHaveLength(5);
    expect(await storedCount(partnerId)).toBe(2);
    const receipt = await mir.client.get(`/v1/events/receipts/${sent.body.receiptId}`, liveKey);
    expect(receipt.body).toMatchObject({ status: 'DONE', accepted: 2, persisted: 2, failed: 0 });
  });

  it('reports an NDJSON line that is not JSON as an item error', async () => {
    const { liveKey, partnerId } = await mir.partner();
    const body = `${lines(anEvent())}\n{"userExternalId": \n${lines(anEvent({ userExternalId: 'u-2' }))}`;
    const sent = await mir.client.post('/v1/events', liveKey, body, { 'content-type': 'application/x-ndjson' });
    expect(sent).toMatchObject({ status: 202, body: { accepted: 2, rejected: 1 } });
    expect(sent.body.errors).toEqual([{ index: 1, path: '', code: 'INVALID_JSON', message: expect.any(String) }]);
    expect(await storedCount(partnerId)).toBe(2);
  });

  it('returns 422 for a batch without any valid events and reports every problem by index', async () => {
    const { liveKey, partnerId } = await mir.partner();
    const events = [{ ...anEvent(), weight: -1 }, {}];
    const sent = await mir.client.post('/v1/events', liveKey, { events });
    expectProblem(sent, 422, 'VALIDATION_FAILED');
    expect(errorsOf(sent).sort()).toEqual([
      'events.0.weight TOO_SMALL',
      'events.1.eventType REQUIRED',
      'events.1.userExternalId REQUIRED',
    ]);
    expect(await storedCount(partnerId)).toBe(0);
  });

  it('stores and counts all 5,000 events from one request, and combines their ten chunks in one receipt', async () => {
    const { liveKey, partnerId } = await mir.partner();
    const events = someEvents(5_000, { weight: 1 }).map((event, n) => ({ ...event, userExternalId: `u-${n % 100}` }));
    const sent = await mir.client.post('/v1/events', liveKey, { events });
    expect(sent).toMatchObject({ status: 202, body: { accepted: 5_000, rejected: 0 } });
    expect(new Set(sent.body.eventIds).size).toBe(5_000);
    expect(await storedCount(partnerId)).toBe(5_000);
    const receipt = await mir.client.get(`/v1/events/receipts/${sent.body.receiptId}`, liveKey);
    expect(receipt.body).toMatchObject({ status: 'DONE', accepted: 5_000, persisted: 5_000 });
    const signals = await mir.client.post('/v1/resolve', liveKey, { userExternalId: 'u-7' });
    expect(signals.body.eventCount).toBe(50);
  });

  it.each([
    ['a batch', 'application/json', JSON.stringify({ events: someEvents(5_001) })],
    ['NDJSON', 'application/x-ndjson', lines(...someEvents(5_001))],
  ])('rejects every event in a request with 5,001 events: %s', async (_what, type, body) => {
    const { liveKey, partnerId } = await mir.partner();
    const sent = await mir.client.post('/v1/events', liveKey, body, { 'content-type': type });
    expectProblem(sent, 422, 'TOO_MANY_EVENTS');
    expect(await storedCount(partnerId)).toBe(0);
  });

  it.each([
    ['no events', { events: [] }, ['events TOO_SMALL']],
    ['events that are not an array', { events: { 0: anEvent() } }, ['events INVALID_TYPE']],
    [
      'fields other than events',
      { events: [anEvent()], dryRun: true, a: 1 },
      ['dryRun UNKNOWN_FIELD', 'a UNKNOWN_FIELD'],
    ],
  ])('rejects a malformed batch with 422: %s', async (_what, body, errors) => {
    const { liveKey } = await mir.partner();
    const sent = await mir.client.post('/v1/events', liveKey, body);
    expectProblem(sent, 422, 'VALIDATION_FAILED');
    expect(errorsOf(sent)).toEqual(errors);
  });
});
