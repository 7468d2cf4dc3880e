import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent, someEvents } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness } from '../../../support/harness';
import { errorsOf, expectProblem } from '../../../support/problems';
import { redisKeysLike } from '../../../support/redis-text';

const DAY_MS = 24 * 3600 * 1000;

let mir: Harness;
let key: string;
beforeAll(async () => {
  mir = await startHarness();
  key = (await mir.partner()).liveKey;
});
afterAll(() => mir.close());

const resolve = (body: unknown, apiKey = key): Promise<TestResponse> => mir.client.post('/v1/resolve', apiKey, body);
const submit = async (events: unknown[], apiKey = key): Promise<TestResponse> => {
  const sent = await mir.client.post('/v1/events', apiKey, { events });
  expect(sent).toMatchObject({ status: 202, body: { rejected: 0 } });
  return sent;
};
const ago = (days: number): string => new Date(Date.now() - days * DAY_MS - 60_000).toISOString();

describe('POST /v1/resolve', () => {
  it('returns 200 with tier 0 and zero counts for an unknown user', async () => {
    const response = await resolve({ userExternalId: 'never-seen' });
    expect(response.status).toBe(200);
    expect(response.body).toEqual({
      userExternalId: 'never-seen',
      linked: false,
      tier: 0,
      eventCount: 0,
      partnerCount: 0,
      recency: { lastEventAt: null, daysSinceLastEvent: null },
      history: { firstEventAt: null, days: 0 },
      basis: { scope: 'OWN', tierRule: 'no events', nextTier: { tier: 1, rule: 'any event' } },
      includesEventsThrough: expect.any(String),
      asOf: expect.any(String),
    });
  });

  it('derives counts and history from when events occurred, not from when they were submitted', async () => {
    const [first, last] = [ago(112), ago(4)];
    await submit([
      anEvent({ userExternalId: 'h', occurredAt: last }),
      ...someEvents(20, { userExternalId: 'h', occurredAt: ago(50) }),
      anEvent({ userExternalId: 'h', occurredAt: first }),
    ]);
    await mir.drained();
    expect((await resolve({ userExternalId: 'h' })).body).toMatchObject({
      tier: 2,
      eventCount: 22,
      partnerCount: 1,
      recency: { lastEventAt: last, daysSinceLastEvent: 4 },
      history: { firstEventAt: first, days: 112 },
      basis: {
        scope: 'OWN',
        tierRule: '≥ 20 events and ≥ 30 days',
        nextTier: { tier: 3, rule: '≥ 100 events and ≥ 180 days' },
      },
    });
  });

  it.each([
    ['19 events, 30 days', 19, 30, 1],
    ['20 events, 29 days', 20, 29, 1],
    ['20 events, 30 days', 20, 30, 2],
    ['99 events, 180 days', 99, 180, 2],
    ['100 events, 179 days', 100, 179, 2],
    ['100 events, 180 days', 100, 180, 3],
  ])('computes the tier of %s', async (what, count, days, tier) => {
    await submit(someEvents(count, { userExternalId: what, occurredAt: ago(days) }));
    await mir.drained();
    const { body } = await resolve({ userExternalId: what });
    expect([body.tier, body.eventCount, body.history.days]).toEqual([tier, count, days]);
  });

  it('applies the tier rules that the operator configured', async () => {
    const configured = await startHarness({ env: { TIER_2_MIN_EVENTS: '2', TIER_2_MIN_DAYS: '1' } });
    try {
      const { liveKey } = await configured.partner();
      await configured.client.post('/v1/events', liveKey, {
        events: someEvents(2, { userExternalId: 'u', occurredAt: ago(1) }),
      });
      await configured.drained();
      const { body } = await configured.client.post('/v1/resolve', liveKey, { userExternalId: 'u' });
      expect([body.tier, body.basis.tierRule]).toEqual([2, '≥ 2 events and ≥ 1 days']);
    } finally {
      await configured.close();
    }
  });

  it('returns results in the order of the request, including repeated and unknown users', async () => {
    await submit([anEvent({ userExternalId: 'a' }), ...someEvents(2, { userExternalId: 'b' })]);
    await mir.drained();
    const { body } = await resolve({ userExternalIds: ['b', 'unknown', 'a', 'b'] });
    const counts = body.results.map((one: { userExternalId: string; eventCount: number }) => [
      one.userExternalId,
      one.eventCount,
    ]);
    expect(counts).toEqual([
      ['b', 2],
      ['unknown', 0],
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('accepts 100 IDs of 256 characters, escaped or not, and rejects 101 with 422', async () => {
    const ids = Array.from({ length: 100 }, (_, n) => String(n).padStart(256, '用'));
    const plain = await resolve({ userExternalIds: ids });
    expect(plain.body.results).toHaveLength(100);
    const escaped = JSON.stringify({ userExternalIds: ids }).replaceAll('用', String.raw`\u7528`);
    const response = await mir.client.post('/v1/resolve', key, escaped);
    expect(response.body.results.map((one: { userExternalId: string }) => one.userExternalId)).toEqual(ids);
    const tooMany = await resolve({ userExternalIds: Array(101).fill('u') });
    expectProblem(tooMany, 422, 'VALIDATION_FAILED');
    expect(errorsOf(tooMany)).toEqual(['userExternalIds TOO_BIG']);
  });

  it.each([
    ['an empty object', {}, ['userExternalId REQUIRED']],
    ['an empty array', { userExternalIds: [] }, ['userExternalIds TOO_SMALL']],
    ['an empty ID', { userExternalId: '' }, ['userExternalId TOO_SMALL']],
    ['a query operator', { userExternalId: { $ne: 1 } }, ['userExternalId INVALID_TYPE']],
    [
      'an array with invalid IDs',
      { userExternalIds: ['a', '', { $gt: '' }, 'x\u0000'] },
      ['userExternalIds.1 TOO_SMALL', 'userExternalIds.2 INVALID_TYPE', 'userExternalIds.3 INVALID_TEXT'],
    ],
    ['an array in userExternalId', { userExternalId: ['a'] }, ['userExternalId INVALID_TYPE']],
    ['an unknown field', { userExternalId: 'a', scope: 'x' }, ['scope UNKNOWN_FIELD']],
    [
      'both userExternalId and userExternalIds',
      { userExternalId: 'a', userExternalIds: ['b'] },
      ['userExternalIds UNKNOWN_FIELD'],
    ],
  ])('rejects %s with 422 and reports each invalid field', async (_what, body, errors) => {
    const response = await resolve(body);
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(errorsOf(response)).toEqual(errors);
  });

  it('returns the same signals from the cache and, on a miss, from the database, and refills the cache', async () => {
    await submit(someEvents(3, { userExternalId: 'cached' }));
    await mir.drained();
    const warm = await resolve({ userExternalId: 'cached' });
    expect(warm.headers.get('x-signals-source')).toBe('cache');
    const { queueLink } = mir.ctx;
    for (const key of await redisKeysLike(queueLink, `${mir.env['KEYSPACE']}:*:signals:*`)) {
      await queueLink.client.del(key);
    }
    const cold = await resolve({ userExternalId: 'cached' });
    expect(cold.headers.get('x-signals-source')).toBe('store');
    const facts = ({ body }: TestResponse): unknown => ({ ...body, asOf: 0, includesEventsThrough: 0 });
    expect(facts(cold)).toEqual(facts(warm));
    const refilled = await resolve({ userExternalId: 'cached' });
    expect(refilled.headers.get('x-signals-source')).toBe('cache');
    expect(facts(refilled)).toEqual(facts(warm));
  });

  it('returns the first event of a user who was cached as unknown', async () => {
    await resolve({ userExternalId: 'late' });
    expect((await resolve({ userExternalId: 'late' })).headers.get('x-signals-source')).toBe('cache');
    await submit([anEvent({ userExternalId: 'late' })]);
    await mir.drained();
    expect((await resolve({ userExternalId: 'late' })).body.eventCount).toBe(1);
  });

  it('sets includesEventsThrough to the time of the response when nothing is queued', async () => {
    await mir.drained();
    const { body } = await resolve({ userExternalId: 'x' });
    expect(body.includesEventsThrough).toBe(body.asOf);
  });

  it('sets includesEventsThrough to the time of the oldest queued event until the queue is empty', async () => {
    const { liveKey } = await mir.partner();
    const settled = await submit([anEvent()], liveKey);
    await mir.drained();
    await mir.stopWorkers();
    const queued = await submit([anEvent()], liveKey);
    await submit([anEvent()], liveKey);
    const before = await resolve({ userExternalId: 'u-1' }, liveKey);
    expect(before.body).toMatchObject({ eventCount: 1, includesEventsThrough: queued.body.receivedAt });
    expect(Date.parse(settled.body.receivedAt)).toBeLessThan(Date.parse(before.body.includesEventsThrough));
    await mir.startWorkers();
    await mir.drained();
    const after = await resolve({ userExternalId: 'u-1' }, liveKey);
    expect(after.body.eventCount).toBe(3);
    expect(after.body.includesEventsThrough).toBe(after.body.asOf);
  });
});
