import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent, someEvents } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { insertAgent } from '../../../support/insert-agent';
import { expectProblem } from '../../../support/problems';
import { pipelinedPosts } from '../../../support/raw-request';

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

const createLimitedPartner = (eventsPerMinute: number, requestsPerMinute: number): Promise<TestPartner> =>
  mir.partner({ limits: { eventsPerMinute, requestsPerMinute } });
/** Returns the remaining budget from the `RateLimit` header. */
const remaining = ({ headers }: TestResponse): number => Number(/;r=(\d+);/.exec(headers.get('ratelimit') ?? '')?.[1]);

describe('rate limits', () => {
  it.each<[string, number, 'events' | 'requests', (key: string) => Promise<TestResponse>]>([
    ['one event', 202, 'events', (key) => mir.client.post('/v1/events', key, anEvent())],
    ['a batch', 202, 'events', (key) => mir.client.post('/v1/events', key, { events: someEvents(2) })],
    ['a list request', 200, 'requests', (key) => mir.client.get('/v1/events', key)],
    ['a resolve request', 200, 'requests', (key) => mir.client.post('/v1/resolve', key, { userExternalId: 'u' })],
    ['an unknown event', 404, 'requests', (key) => mir.client.get('/v1/events/evt_live_x', key)],
    ['an invalid event', 422, 'events', (key) => mir.client.post('/v1/events', key, {})],
    ['malformed JSON', 400, 'events', (key) => mir.client.post('/v1/events', key, '{')],
    [
      'an unsupported media type',
      415,
      'events',
      (key) => mir.client.post('/v1/events', key, 'x', { 'content-type': 'a/b' }),
    ],
    ['a forged cursor', 422, 'requests', (key) => mir.client.get('/v1/events?cursor=a.b', key)],
  ])('responds to %s with status %i and reports the %s budget', async (request, status, policy, send) => {
    const { liveKey } = await createLimitedPartner(600, 300);
    const response = await send(liveKey);
    expect(response.status).toBe(status);
    const quota = policy === 'events' ? 600 : 300;
    expect(response.headers.get('ratelimit-policy')).toBe(`"${policy}";q=${quota};w=60`);
    expect(response.headers.get('ratelimit')).toMatch(
      new RegExp(`^"${policy}";r=${quota - 1 - (request === 'a batch' ? 1 : 0)};t=1$`),
    );
  });

  it.each([
    ['suspended partner', 'PARTNER_SUSPENDED'],
    ['suspended agent', 'AGENT_SUSPENDED'],
    ['missing scope', 'SCOPE_MISSING'],
  ] as const)('charges requests rejected due to a %s (403 %s) like any other', async (reason, code) => {
    const partner = await mir.partner({
      limits: { eventsPerMinute: 60, requestsPerMinute: 30 },
      suspended: reason === 'suspended partner',
    });
    const agent = await insertAgent(mir.ctx.store, partner, {
      preset: 'SUBMIT_ONLY',
      status: reason === 'suspended agent' ? 'SUSPENDED' : 'ACTIVE',
    });
    const key = reason === 'suspended partner' ? partner.liveKey : agent.apiKey;
    for (const left of [29, 28]) {
      const response = await mir.client.get('/v1/events', key);
      expectProblem(response, 403, code);
      expect(response.headers.get('ratelimit-policy')).toBe('"requests";q=30;w=60');
      expect(remaining(response)).toBe(left);
    }
    const event = await mir.client.post('/v1/events', key, anEvent({ idempotencyKey: 'k' }));
    if (reason === 'missing scope') return expect(event.status).toBe(202);
    expectProblem(event, 403, code);
    expect(event.headers.get('ratelimit-policy')).toBe('"events";q=60;w=60');
    expect(remaining(event)).toBe(59);
    const compressed = await mir.client.post('/v1/events', key, 'x', { 'content-encoding': 'gzip' });
    expectProblem(compressed, 403, code);
    expect(remaining(compressed)).toBe(58);
  });

  it('returns 429 to a suspended partner that has exhausted its budget', async () => {
    const { liveKey } = await mir.partner({ suspended: true, limits: { eventsPerMinute: 3, requestsPerMinute: 1 } });
    expectProblem(await mir.client.get('/v1/events', liveKey), 403, 'PARTNER_SUSPENDED');
    const list = await mir.client.get('/v1/events', liveKey);
    expectProblem(list, 429, 'RATE_LIMITED');
    expect(remaining(list)).toBe(0);
    expect(Number(list.headers.get('retry-after'))).toBeGreaterThan(0);
    const batch = { events: someEvents(3) };
    expectProblem(await mir.client.post('/v1/events', liveKey, batch), 403, 'PARTNER_SUSPENDED');
    expectProblem(await mir.client.post('/v1/events', liveKey, batch), 429, 'RATE_LIMITED');
  });

  it('returns 429 with Retry-After and queues nothing when the events budget is exhausted', async () => {
    const { liveKey } = await createLimitedPartner(2, 100);
    await mir.client.post('/v1/events', liveKey, { events: someEvents(2) });
    const before = await mir.ctx.queues.events.getJobCountByTypes('waiting', 'prioritized');
    const single = await mir.client.post('/v1/events', liveKey, anEvent());
    const batch = await mir.client.post('/v1/events', liveKey, { events: someEvents(2) });
    for (const [response, waitSeconds] of [
      [single, 30],
      [batch, 60],
    ] as const) {
      expectProblem(response, 429, 'RATE_LIMITED');
      expect(remaining(response)).toBe(0);
      const retryAfter = Number(response.headers.get('retry-after'));
      expect(retryAfter).toBeGreaterThan(0);
      expect(retryAfter).toBeLessThanOrEqual(waitSeconds);
    }
    expect(await mir.ctx.queues.events.getJobCountByTypes('waiting', 'prioritized')).toBe(before);
  });

  it('charges requests, including invalid ones, to a budget that is separate from the events budget', async () => {
    const { liveKey } = await createLimitedPartner(100, 3);
    expect((await mir.client.get('/v1/events', liveKey)).status).toBe(200);
    expect((await mir.client.post('/v1/resolve', liveKey, '{')).status).toBe(400);
    expect((await mir.client.post('/v1/resolve', liveKey, {})).status).toBe(422);
    const list = await mir.client.get('/v1/events', liveKey);
    expectProblem(list, 429, 'RATE_LIMITED');
    expect(Number(list.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await mir.client.post('/v1/events', liveKey, '{')).status).toBe(400);
    expect((await mir.client.post('/v1/events', liveKey, anEvent())).status).toBe(202);
  });

  it('charges one unit for every event, accepted or rejected, in every format', async () => {
    const { liveKey } = await createLimitedPartner(600, 600);
    expect(remaining(await mir.client.post('/v1/events', liveKey, anEvent()))).toBe(599);
    const batch = await mir.client.post('/v1/events', liveKey, { events: someEvents(100) });
    expect(remaining(batch)).toBeGreaterThanOrEqual(499);
    expect(remaining(batch)).toBeLessThan(510);
    const ndjson = someEvents(50).map((event) => JSON.stringify(event));
    const lines = await mir.client.post('/v1/events', liveKey, ndjson.join('\n'), {
      'content-type': 'application/x-ndjson',
    });
    expect(remaining(lines)).toBeGreaterThanOrEqual(449);
    expect(remaining(lines)).toBeLessThan(460);
    const mixed = await mir.client.post('/v1/events', liveKey, {
      events: [...someEvents(10), ...Array.from({ length: 90 }, () => ({}))],
    });
    expect(mixed.body).toMatchObject({ accepted: 10, rejected: 90 });
    expect(remaining(lines) - remaining(mixed)).toBeGreaterThan(90);
  });

  it('returns 422 for a batch larger than the budget, because retrying after a 429 would never succeed', async () => {
    const { liveKey } = await createLimitedPartner(10, 100);
    const response = await mir.client.post('/v1/events', liveKey, { events: someEvents(11) });
    expectProblem(response, 422, 'BATCH_EXCEEDS_LIMIT');
    expect(response.headers.get('ratelimit-policy')).toBe('"events";q=10;w=60');
    const fits = await mir.client.post('/v1/events', liveKey, { events: someEvents(10) });
    expect(fits.status).toBe(202);
  });

  it('returns 422 for a batch larger than a child agent’s budget even when the root’s budget is exhausted', async () => {
    const partner = await createLimitedPartner(10_000, 100);
    const service = { type: 'SERVICE_ACCOUNT' as const, allowedEventTypes: ['*'] };
    const root = await insertAgent(mir.ctx.store, partner, { ...service, rateLimitPerMinute: 300 });
    const child = await insertAgent(mir.ctx.store, partner, { ...service, rateLimitPerMinute: 5 }, root);
    const spent = await mir.client.post('/v1/events', root.apiKey, { events: someEvents(300) });
    expect(spent.status).toBe(202);
    const response = await mir.client.post('/v1/events', child.apiKey, { events: someEvents(6) });
    expectProblem(response, 422, 'BATCH_EXCEEDS_LIMIT');
    expect(response.body.detail).toContain('your limit of 5 per minute');
    expect(response.headers.get('ratelimit-policy')).toBe('"events";q=300;w=60');
    expectProblem(await mir.client.post('/v1/events', child.apiKey, { events: someEvents(5) }), 429, 'RATE_LIMITED');
  });

  it('accepts exactly as many concurrent single events as the budget allows', async () => {
    const { liveKey } = await createLimitedPartner(7, 100);
    const responses = await Promise.all(
      Array.from({ length: 40 }, () => mir.client.post('/v1/events', liveKey, anEvent())),
    );
    const statuses = responses.map(({ status }) => status);
    expect(statuses.filter((status) => status === 202)).toHaveLength(7);
    expect(statuses.filter((status) => status === 429)).toHaveLength(33);
  });

  it('accepts exactly as many single events in the same tick as the budget allows', async () => {
    const { liveKey } = await createLimitedPartner(5, 100);
    const responses = await pipelinedPosts(mir.url, '/v1/events', liveKey, someEvents(12));
    expect(responses.map(({ status }) => status)).toEqual([...Array(5).fill(202), ...Array(7).fill(429)]);
  });

  it('accepts exactly as many requests in the same tick as the budget allows', async () => {
    const { liveKey } = await createLimitedPartner(100, 4);
    const body = { userExternalId: 'u' };
    const responses = await pipelinedPosts(
      mir.url,
      '/v1/resolve',
      liveKey,
      Array.from({ length: 9 }, () => body),
    );
    expect(responses.map(({ status }) => status)).toEqual([...Array(4).fill(200), ...Array(5).fill(429)]);
  });

  it('keeps a separate budget for each partner in each environment', async () => {
    const [a, b] = [await createLimitedPartner(3, 3), await createLimitedPartner(3, 3)];
    await mir.client.post('/v1/events', a.testKey, { events: someEvents(3) });
    expect((await mir.client.post('/v1/events', a.testKey, anEvent())).status).toBe(429);
    expect(remaining(await mir.client.post('/v1/events', a.liveKey, anEvent()))).toBe(2);
    expect(remaining(await mir.client.post('/v1/events', b.testKey, anEvent()))).toBe(2);
  });
});
