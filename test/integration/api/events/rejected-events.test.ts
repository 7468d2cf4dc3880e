import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApiContext } from '../../../../api/context';
import { tenantOf } from '../../../../shared/domain/ids';
import { REJECTED_EVENTS_RETENTION_MS, type Rejection } from '../../../../shared/domain/rejected-event';
import { createRejectionRecorder, MAX_ROWS_AT_ONCE } from '../../../../shared/rejections/record-rejections';
import { readConfig } from '../../../../shared/config/config';
import { newApiKey } from '../../../../shared/domain/api-key';
import { openRuntime } from '../../../../shared/runtime';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { startSecondApi } from '../../../support/partners';
import { expectProblem } from '../../../support/problems';

const HOUR_MS = 3_600_000;

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
});
afterAll(() => mir.close());

type Entry = Record<'rejectedAt' | 'requestId' | 'code' | 'path', string> & {
  index: number;
  eventType: string | null;
  agentId: string | null;
};

const post = (key: string, body: unknown, headers?: Record<string, string>): Promise<TestResponse> =>
  mir.client.post('/v1/events', key, body, headers);
const list = async (key: string, query = ''): Promise<TestResponse> => {
  await mir.ctx.rejections.flush();
  return mir.client.get(`/v1/rejected-events?${query}`, key);
};
const entriesOf = ({ body }: TestResponse): Entry[] => body.data as Entry[];
const rowsOf = ({ partnerId }: TestPartner) =>
  mir.ctx.store.rejectedEvents.model.find({ tenant: tenantOf(partnerId, 'live') }).lean();
const rejection = (index: number, changes: Partial<Rejection> = {}): Rejection => ({
  index,
  code: 'REQUIRED',
  path: 'userExternalId',
  eventType: null,
  ...changes,
});

describe('GET /v1/rejected-events', () => {
  it('lists every problem of a batch with its request, position, code, field and event type', async () => {
    const { liveKey } = await mir.partner();
    const before = Date.now();
    const events = [
      anEvent(),
      anEvent({ eventType: 'mir.transaction.complete', weight: 11 }),
      anEvent({ eventType: 'no type' }),
      'text',
      anEvent({ idempotencyKey: 'k', weight: 1 }),
      anEvent({ idempotencyKey: 'k', weight: 2 }),
    ];
    const sent = await post(liveKey, { events }, { 'x-request-id': 'req-1' });
    expect(sent).toMatchObject({ status: 202, body: { rejected: 4 } });
    const listed = await list(liveKey);
    expect(listed).toMatchObject({ status: 200, body: { nextCursor: null, omitted: 0 } });
    expect(entriesOf(listed).map(({ rejectedAt: _time, ...entry }) => entry)).toEqual(
      (sent.body.errors as Entry[]).map(({ index, code, path }) => ({
        requestId: 'req-1',
        index,
        code,
        path,
        eventType: index === 1 ? 'mir.transaction.complete' : index === 5 ? 'mir.transaction.completed' : null,
        agentId: null,
      })),
    );
    for (const { rejectedAt } of entriesOf(listed)) {
      expect(Math.abs(Date.parse(rejectedAt) - before)).toBeLessThan(HOUR_MS);
    }
  });

  it('lists a batch of which no event was valid', async () => {
    const { liveKey } = await mir.partner();
    expectProblem(await post(liveKey, { events: [{}, {}] }), 422, 'VALIDATION_FAILED');
    const found = entriesOf(await list(liveKey)).map(({ index, path, code }) => [index, path, code]);
    expect(found).toEqual([0, 1].flatMap((n) => ['userExternalId', 'eventType'].map((path) => [n, path, 'REQUIRED'])));
  });

  it('lists a rejected single event, whether the event or its idempotency key is the problem', async () => {
    const { liveKey } = await mir.partner();
    await post(liveKey, anEvent({ weight: 11 }), { 'x-request-id': 'first' });
    const key = { 'idempotency-key': '"a"', 'x-request-id': 'second' };
    expectProblem(await post(liveKey, anEvent({ idempotencyKey: 'b' }), key), 400, 'IDEMPOTENCY_KEY_INVALID');
    expect(entriesOf(await list(liveKey))).toMatchObject([
      { requestId: 'second', index: 0, code: 'IDEMPOTENCY_KEY_INVALID', eventType: 'mir.transaction.completed' },
      { requestId: 'first', index: 0, code: 'TOO_BIG', path: 'weight', eventType: 'mir.transaction.completed' },
    ]);
  });

  it('names the agent whose events were rejected, also because of its allowlist', async () => {
    const partner = await mir.partner();
    const agent = await insertAgent(mir.ctx.store, partner, { allowedEventTypes: ['mir.review.*'] });
    const event = anEvent({ idempotencyKey: 'a-1' });
    expectProblem(await post(agent.apiKey, event), 403, 'EVENT_TYPE_NOT_ALLOWED');
    await post(agent.apiKey, { events: [event] });
    const listed = entriesOf(await list(partner.liveKey));
    expect(listed).toHaveLength(2);
    for (const entry of listed) {
      expect(entry).toMatchObject({ agentId: agent.agentId, code: 'EVENT_TYPE_NOT_ALLOWED', path: 'eventType' });
    }
    expect(entriesOf(await list(agent.apiKey))).toEqual(listed);
  });

  it('stores nothing that the event contained, except for the type if it has the form of one', async () => {
    const partner = await mir.partner();
    const secret = 'ann@example.org';
    const events = [
      { userExternalId: `${secret}\u0000`, eventType: secret, [secret]: 1 },
      anEvent({ metadata: { [`$${secret}`]: secret }, idempotencyKey: `${secret}\u0000` }),
      `"${secret}"`,
    ];
    const sent = await post(partner.liveKey, { events });
    expect(JSON.stringify(sent.body)).toContain(secret);
    await post(partner.liveKey, events[0]);
    await post(partner.liveKey, `${JSON.stringify(anEvent())}\n{"${secret}`, {
      'content-type': 'application/x-ndjson',
    });
    await mir.ctx.rejections.flush();
    const rows = await rowsOf(partner);
    expect(new Set(rows.map(({ path }) => path))).toEqual(
      new Set(['userExternalId', 'eventType', 'metadata', 'idempotencyKey', '']),
    );
    expect(JSON.stringify(rows)).not.toContain('ann');
  });

  it('does not list requests that were rejected for other reasons than their events', async () => {
    const partner = await mir.partner({ limits: { eventsPerMinute: 2, requestsPerMinute: 1_000 } });
    const unknown = newApiKey('live', partner.key.tag).key;
    expectProblem(await post(unknown, anEvent({ weight: 11 })), 401, 'API_KEY_INVALID');
    expectProblem(await post(partner.liveKey, '{'), 400, 'INVALID_JSON');
    expectProblem(await post(partner.liveKey, { events: [] }), 422, 'VALIDATION_FAILED');
    expectProblem(await post(partner.liveKey, anEvent({ weight: 11 })), 429, 'RATE_LIMITED');
    expectProblem(await post(partner.liveKey, { events: [{}] }), 429, 'RATE_LIMITED');
    expect((await list(partner.liveKey)).body).toMatchObject({ data: [], omitted: 0 });
    const suspended = await mir.partner({ suspended: true });
    expectProblem(await post(suspended.liveKey, anEvent({ weight: 11 })), 403, 'PARTNER_SUSPENDED');
    await mir.ctx.rejections.flush();
    expect(await rowsOf(suspended)).toEqual([]);
  });

  it('keeps partners and environments apart, also with a cursor of another', async () => {
    const [partner, other] = [await mir.partner(), await mir.partner()];
    await post(partner.liveKey, { events: [{}, {}] });
    const page = await list(partner.liveKey, 'limit=1');
    expect(page.body.nextCursor).not.toBeNull();
    for (const key of [partner.testKey, other.liveKey]) {
      expect((await list(key)).body).toMatchObject({ data: [], omitted: 0 });
      expectProblem(await list(key, `cursor=${page.body.nextCursor}`), 422, 'VALIDATION_FAILED');
    }
  });

  it('pages through all problems, newest request first, each exactly once', async () => {
    const { liveKey } = await mir.partner();
    for (const requestId of ['r-1', 'r-2', 'r-3']) {
      await post(liveKey, { events: [{}, {}] }, { 'x-request-id': requestId });
    }
    const all = entriesOf(await list(liveKey, 'limit=500'));
    expect(all.map(({ requestId, index, path }) => `${requestId} ${index} ${path}`)).toEqual(
      ['r-3', 'r-2', 'r-1'].flatMap((id) => [
        `${id} 0 userExternalId`,
        `${id} 0 eventType`,
        `${id} 1 userExternalId`,
        `${id} 1 eventType`,
      ]),
    );
    const paged: Entry[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await list(liveKey, `limit=5${cursor && `&cursor=${cursor}`}`);
      paged.push(...entriesOf(page));
      cursor = page.body.nextCursor as string | null;
    }
    expect(paged).toEqual(all);
  });

  it('filters by request ID, also together with a code', async () => {
    const { liveKey } = await mir.partner();
    for (const id of ['r-1', 'r-2']) {
      await post(liveKey, { events: [{}, anEvent({ weight: 11 })] }, { 'x-request-id': id });
    }
    const found = async (query: string): Promise<string[]> =>
      entriesOf(await list(liveKey, query)).map(({ requestId, code }) => `${requestId} ${code}`);
    expect(await found('requestId=r-1')).toEqual(['r-1 REQUIRED', 'r-1 REQUIRED', 'r-1 TOO_BIG']);
    expect(await found('requestId=r-2&code=TOO_BIG')).toEqual(['r-2 TOO_BIG']);
    expect(await found('requestId=r')).toEqual([]);
  });

  it('filters by code and by time', async () => {
    const partner = await mir.partner();
    const { liveKey, partnerId } = partner;
    const request = { tenant: tenantOf(partnerId, 'live'), agentId: null };
    const nowMs = Date.now();
    for (const hours of [1, 2, 3]) {
      const one = { ...request, requestId: `${hours}h`, atMs: nowMs - hours * HOUR_MS };
      mir.ctx.rejections.record(one, [rejection(0), rejection(1, { code: 'TOO_BIG', path: 'weight' })]);
    }
    const found = async (query: string): Promise<string[]> =>
      entriesOf(await list(liveKey, query)).map(({ requestId, code }) => `${requestId} ${code}`);
    const at = (hours: number): string => encodeURIComponent(new Date(nowMs - hours * HOUR_MS).toISOString());
    expect(await found('code=TOO_BIG')).toEqual(['1h TOO_BIG', '2h TOO_BIG', '3h TOO_BIG']);
    expect(await found(`code=TOO_BIG&from=${at(2)}&to=${at(1)}`)).toEqual(['2h TOO_BIG']);
    expect(await found(`from=${at(1)}`)).toEqual(['1h REQUIRED', '1h TOO_BIG']);
    expect(await found(`to=${at(2)}`)).toEqual(['3h REQUIRED', '3h TOO_BIG']);
    expect(await found('code=NO_SUCH_CODE')).toEqual([]);
  });

  it('does not list problems that are older than 7 days, which MongoDB deletes', async () => {
    const partner = await mir.partner();
    const request = { tenant: tenantOf(partner.partnerId, 'live'), agentId: null };
    const limitMs = Date.now() - REJECTED_EVENTS_RETENTION_MS;
    mir.ctx.rejections.record({ ...request, requestId: 'old', atMs: limitMs - HOUR_MS }, [rejection(0)]);
    mir.ctx.rejections.record({ ...request, requestId: 'kept', atMs: limitMs + HOUR_MS }, [rejection(0)]);
    const long = `from=${encodeURIComponent('2020-01-01T00:00:00Z')}`;
    expect(entriesOf(await list(partner.liveKey, long)).map(({ requestId }) => requestId)).toEqual(['kept']);
    for (const { rejectedAt, expireAt } of await rowsOf(partner)) {
      expect(expireAt.getTime() - rejectedAt.getTime()).toBe(REJECTED_EVENTS_RETENTION_MS);
    }
    const indexes = await mir.ctx.store.rejectedEvents.model.listIndexes();
    expect(indexes).toContainEqual(expect.objectContaining({ key: { expireAt: 1 }, expireAfterSeconds: 0 }));
  });

  it('records a limited number of problems per partner, and counts the others', async () => {
    const [partner, other] = [await mir.partner(), await mir.partner()];
    const events = Array.from({ length: 2_500 }, () => ({}));
    await post(partner.liveKey, { events });
    await post(partner.liveKey, { events: [{}] });
    const { body } = await list(partner.liveKey);
    const rows = await rowsOf(partner);
    expect(rows).toHaveLength(MAX_ROWS_AT_ONCE);
    // 1,001 problems of the first batch were listed, 2 per item; 1,999 items had none listed. The second batch had 2.
    expect(body.omitted).toBe(1 + 1_999 + 2);
    await post(other.liveKey, { events: [{}] });
    expect((await list(other.liveKey)).body).toMatchObject({ data: [{ index: 0 }, { index: 0 }], omitted: 0 });
  });

  it('is not written while requests are handled', async () => {
    const { liveKey } = await mir.partner();
    await mir.ctx.rejections.flush();
    const collections = new Set<string>();
    mir.ctx.store.connection.set('debug', (collection: string) => collections.add(collection));
    try {
      await post(liveKey, { events: [anEvent(), {}] });
      await post(liveKey, anEvent({ weight: 11 }));
      expect(collections).not.toContain('rejected_events');
    } finally {
      mir.ctx.store.connection.set('debug', false);
    }
    expect(entriesOf(await list(liveKey))).toHaveLength(3);
  });

  it('is written when the API shuts down', async () => {
    const { liveKey } = await mir.partner();
    const second = await startSecondApi(mir);
    expect((await second.client.post('/v1/events', liveKey, { events: [{}] })).status).toBe(422);
    await second.close();
    expect(entriesOf(await list(liveKey))).toHaveLength(2);
  });

  it('keeps problems and their count while MongoDB is down, and writes each of them once', async () => {
    const partner = await mir.partner();
    const tenant = tenantOf(partner.partnerId, 'live');
    const disconnected = await createApiContext(await openRuntime(readConfig(mir.env), 'api'));
    const recorder = createRejectionRecorder(disconnected);
    const request = { tenant, requestId: 'r', agentId: null, atMs: Date.now() };
    const many = Array.from({ length: MAX_ROWS_AT_ONCE }, (_, index) => rejection(index));
    await disconnected.store.connection.close();
    recorder.record(request, many, 3);
    await recorder.flush();
    await disconnected.store.connection.openUri(mir.env['MONGO_URL']!);
    await recorder.flush();
    await recorder.close();
    await disconnected.close();
    const rows = await rowsOf(partner);
    expect(rows).toHaveLength(MAX_ROWS_AT_ONCE);
    expect((await list(partner.liveKey)).body.omitted).toBe(3);
  });

  it('is not served without /v1', async () => {
    const { liveKey } = await mir.partner();
    expectProblem(await mir.client.get('/rejected-events', liveKey), 404, 'NOT_FOUND');
  });
});
