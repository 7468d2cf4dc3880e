import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent, someEvents } from '../../../support/builders';
import type { TestAnswer } from '../../../support/client';
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

const limited = (eventsPerMinute: number, requestsPerMinute: number): Promise<TestPartner> =>
  mir.partner({ limits: { eventsPerMinute, requestsPerMinute } });
/** What is left, by the `RateLimit` header. */
const left = ({ headers }: TestAnswer): number => Number(/;r=(\d+);/.exec(headers.get('ratelimit') ?? '')?.[1]);

describe('rate limits', () => {
  it.each<[string, number, 'events' | 'requests', (key: string) => Promise<TestAnswer>]>([
    ['one event', 202, 'events', (key) => mir.client.post('/v1/events', key, anEvent())],
    ['a batch', 202, 'events', (key) => mir.client.post('/v1/events', key, { events: someEvents(2) })],
    ['a list', 200, 'requests', (key) => mir.client.get('/v1/events', key)],
    ['a resolve', 200, 'requests', (key) => mir.client.post('/v1/resolve', key, { userExternalId: 'u' })],
    ['an event that is not there', 404, 'requests', (key) => mir.client.get('/v1/events/evt_live_x', key)],
    ['an invalid event', 422, 'events', (key) => mir.client.post('/v1/events', key, {})],
    ['malformed JSON', 400, 'events', (key) => mir.client.post('/v1/events', key, '{')],
    ['another media type', 415, 'events', (key) => mir.client.post('/v1/events', key, 'x', { 'content-type': 'a/b' })],
    ['a forged cursor', 422, 'requests', (key) => mir.client.get('/v1/events?cursor=a.b', key)],
  ])('the answer to %s (%i) shows the budget of %s', async (_what, status, policy, send) => {
    const { liveKey } = await limited(600, 300);
    const answer = await send(liveKey);
    expect(answer.status).toBe(status);
    const quota = policy === 'events' ? 600 : 300;
    expect(answer.headers.get('ratelimit-policy')).toBe(`"${policy}";q=${quota};w=60`);
    expect(answer.headers.get('ratelimit')).toMatch(
      new RegExp(`^"${policy}";r=${quota - 1 - (_what === 'a batch' ? 1 : 0)};t=1$`),
    );
  });

  it.each([
    ['suspended partner', 'PARTNER_SUSPENDED'],
    ['suspended agent', 'AGENT_SUSPENDED'],
    ['missing scope', 'SCOPE_MISSING'],
  ] as const)('the answer to a %s (403 %s) shows the budget, and costs nothing of it', async (what, code) => {
    const partner = await mir.partner({
      limits: { eventsPerMinute: 600, requestsPerMinute: 300 },
      suspended: what === 'suspended partner',
    });
    const agent = await insertAgent(mir.ctx.store, partner, {
      preset: 'SUBMIT_ONLY',
      status: what === 'suspended agent' ? 'SUSPENDED' : 'ACTIVE',
    });
    const key = what === 'suspended partner' ? partner.liveKey : agent.apiKey;
    for (let n = 0; n < 2; n += 1) {
      const answer = await mir.client.get('/v1/events', key);
      expectProblem(answer, 403, code);
      expect(answer.headers.get('ratelimit-policy')).toBe('"requests";q=300;w=60');
      expect(left(answer)).toBe(300);
    }
    const event = await mir.client.post('/v1/events', key, anEvent({ idempotencyKey: 'k' }));
    if (what === 'missing scope') return expect(event.status).toBe(202);
    expectProblem(event, 403, code);
    expect(event.headers.get('ratelimit-policy')).toBe('"events";q=600;w=60');
  });

  it('the budget spent: 429 with Retry-After, and nothing is queued', async () => {
    const { liveKey } = await limited(2, 100);
    await mir.client.post('/v1/events', liveKey, { events: someEvents(2) });
    const before = await mir.ctx.queues.events.getJobCountByTypes('waiting', 'prioritized');
    const single = await mir.client.post('/v1/events', liveKey, anEvent());
    const batch = await mir.client.post('/v1/events', liveKey, { events: someEvents(2) });
    for (const [answer, waitSeconds] of [
      [single, 30],
      [batch, 60],
    ] as const) {
      expectProblem(answer, 429, 'RATE_LIMITED');
      expect(left(answer)).toBe(0);
      const retryAfter = Number(answer.headers.get('retry-after'));
      expect(retryAfter).toBeGreaterThan(0);
      expect(retryAfter).toBeLessThanOrEqual(waitSeconds);
    }
    expect(await mir.ctx.queues.events.getJobCountByTypes('waiting', 'prioritized')).toBe(before);
  });

  it('requests have a budget of their own, 429 beyond it, wrong input included', async () => {
    const { liveKey } = await limited(100, 3);
    expect((await mir.client.get('/v1/events', liveKey)).status).toBe(200);
    expect((await mir.client.post('/v1/resolve', liveKey, '{')).status).toBe(400);
    expect((await mir.client.post('/v1/resolve', liveKey, {})).status).toBe(422);
    const list = await mir.client.get('/v1/events', liveKey);
    expectProblem(list, 429, 'RATE_LIMITED');
    expect(Number(list.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await mir.client.post('/v1/events', liveKey, '{')).status).toBe(400);
    expect((await mir.client.post('/v1/events', liveKey, anEvent())).status).toBe(202);
  });

  it('events are charged one by one, however they are sent; what is submitted and refused is charged too', async () => {
    const { liveKey } = await limited(600, 600);
    expect(left(await mir.client.post('/v1/events', liveKey, anEvent()))).toBe(599);
    const batch = await mir.client.post('/v1/events', liveKey, { events: someEvents(100) });
    expect(left(batch)).toBeGreaterThanOrEqual(499);
    expect(left(batch)).toBeLessThan(510);
    const ndjson = someEvents(50).map((event) => JSON.stringify(event));
    const lines = await mir.client.post('/v1/events', liveKey, ndjson.join('\n'), {
      'content-type': 'application/x-ndjson',
    });
    expect(left(lines)).toBeGreaterThanOrEqual(449);
    expect(left(lines)).toBeLessThan(460);
    const mixed = await mir.client.post('/v1/events', liveKey, {
      events: [...someEvents(10), ...Array.from({ length: 90 }, () => ({}))],
    });
    expect(mixed.body).toMatchObject({ accepted: 10, rejected: 90 });
    expect(left(lines) - left(mixed)).toBeGreaterThan(90);
  });

  it('a batch that could never fit is 422, not an eternal 429', async () => {
    const { liveKey } = await limited(10, 100);
    const answer = await mir.client.post('/v1/events', liveKey, { events: someEvents(11) });
    expectProblem(answer, 422, 'BATCH_EXCEEDS_LIMIT');
    expect(answer.headers.get('ratelimit-policy')).toBe('"events";q=10;w=60');
    const fits = await mir.client.post('/v1/events', liveKey, { events: someEvents(10) });
    expect(fits.status).toBe(202);
  });

  it('a batch that could never fit is 422 also while a bigger budget above is the one that is spent', async () => {
    const partner = await limited(10_000, 100);
    const service = { type: 'SERVICE_ACCOUNT' as const, allowedEventTypes: ['*'] };
    const root = await insertAgent(mir.ctx.store, partner, { ...service, rateLimitPerMinute: 300 });
    const child = await insertAgent(mir.ctx.store, partner, { ...service, rateLimitPerMinute: 5 }, root);
    const spent = await mir.client.post('/v1/events', root.apiKey, { events: someEvents(300) });
    expect(spent.status).toBe(202);
    const answer = await mir.client.post('/v1/events', child.apiKey, { events: someEvents(6) });
    expectProblem(answer, 422, 'BATCH_EXCEEDS_LIMIT');
    expect(answer.body.detail).toContain('your limit of 5 per minute');
    expect(answer.headers.get('ratelimit-policy')).toBe('"events";q=300;w=60');
    expectProblem(await mir.client.post('/v1/events', child.apiKey, { events: someEvents(5) }), 429, 'RATE_LIMITED');
  });

  it('of many singles at once exactly the budget is granted', async () => {
    const { liveKey } = await limited(7, 100);
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => mir.client.post('/v1/events', liveKey, anEvent())),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 202)).toHaveLength(7);
    expect(statuses.filter((status) => status === 429)).toHaveLength(33);
  });

  it('of singles of the very same turn, which share one call, exactly the budget is granted', async () => {
    const { liveKey } = await limited(5, 100);
    const answers = await pipelinedPosts(mir.url, '/v1/events', liveKey, someEvents(12));
    expect(answers.map(({ status }) => status)).toEqual([...Array(5).fill(202), ...Array(7).fill(429)]);
  });

  it('of requests of the very same turn exactly the budget is granted', async () => {
    const { liveKey } = await limited(100, 4);
    const body = { userExternalId: 'u' };
    const answers = await pipelinedPosts(
      mir.url,
      '/v1/resolve',
      liveKey,
      Array.from({ length: 9 }, () => body),
    );
    expect(answers.map(({ status }) => status)).toEqual([...Array(4).fill(200), ...Array(5).fill(429)]);
  });

  it('live and test have a budget each, and so has every partner', async () => {
    const [a, b] = [await limited(3, 3), await limited(3, 3)];
    await mir.client.post('/v1/events', a.testKey, { events: someEvents(3) });
    expect((await mir.client.post('/v1/events', a.testKey, anEvent())).status).toBe(429);
    expect(left(await mir.client.post('/v1/events', a.liveKey, anEvent()))).toBe(2);
    expect(left(await mir.client.post('/v1/events', b.testKey, anEvent()))).toBe(2);
  });
});
