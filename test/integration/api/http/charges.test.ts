import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { PARTNER_ROUTES } from '../../../../api/routes';
import type { TestResponse } from '../../../support/client';
import type { Harness, TestPartner } from '../../../support/harness';
import { WITHOUT_WAITING } from '../../../support/audit-stream';
import { insertAgent } from '../../../support/insert-agent';
import { expectProblem } from '../../../support/problems';
import { sharedHarness } from '../../../support/shared-harness';
import { CAPACITIES, PER_MINUTE, type Policy, spentBy } from '../../../support/spent-by';

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

const aPartner = (requestsPerMinute = PER_MINUTE, eventsPerMinute = PER_MINUTE): Promise<TestPartner> =>
  mir.partner({ limits: { eventsPerMinute, requestsPerMinute } });

interface Called {
  name: string;
  method: string;
  path: string;
  takesBody: boolean;
  takesLimit: boolean;
  policy: Policy;
  scope: string;
}

/** Every route that requires an API key, with arbitrary parameter values, so that most requests are rejected. */
const ROUTES = PARTNER_ROUTES.flatMap(({ method, path, auth, body, query }): Called[] => {
  if (auth.kind !== 'key') return [];
  const takesLimit = query !== undefined && 'limit' in ((query as { shape?: object }).shape ?? {});
  const facts = {
    takesBody: body !== undefined,
    takesLimit,
    policy: auth.budget ?? ('requests' as const),
    scope: auth.scope,
  };
  return [
    {
      name: `${method} ${path}`,
      method,
      path: `/v1${path.replaceAll(/:\w+/g, 'x')}${WITHOUT_WAITING[path] ?? ''}`,
      ...facts,
    },
  ];
});

/** Routes whose `limit` bounds what the response may contain. Each of them charges for it in advance. */
const LISTS = [
  'GET /agents',
  'GET /agents/:id/lineage',
  'GET /agents/approvals',
  'GET /agents/tree',
  'GET /audit',
  'GET /events',
  'GET /events/receipts',
  'GET /members',
  'GET /members/invitations',
  'GET /rejected-events',
  'GET /webhooks/:id/deliveries',
];

describe('charges of every route', () => {
  const send = ({ method, path, takesBody }: Called, key: string, body: unknown = {}): Promise<TestResponse> =>
    mir.client.request(method, path, { key, ...(takesBody ? { body } : {}) });

  it('charges every list in advance for the rows that its limit allows', () => {
    const lists = ROUTES.filter(({ takesLimit }) => takesLimit).map(({ name }) => name);
    expect(lists.toSorted()).toEqual([...LISTS, 'GET /audit/stream', 'GET /audit/verify'].toSorted());
  });

  it.each(ROUTES)('charges one unit for a small request, even if it is rejected: $name', async (route) => {
    const partner = await aPartner();
    expect(await spentBy(mir, partner, () => send(route, partner.liveKey))).toEqual({ [route.policy]: 1 });
  });

  it.each(ROUTES)('reports what is left after the charge: $name', async (route) => {
    const { liveKey } = await aPartner();
    const { headers } = await send(route, liveKey);
    expect(headers.get('ratelimit')).toMatch(new RegExp(`^"${route.policy}";r=${CAPACITIES[route.policy] - 1};`));
  });

  it.each(ROUTES)('charges a suspended partner: $name', async (route) => {
    const partner = await mir.partner({
      suspended: true,
      limits: { eventsPerMinute: PER_MINUTE, requestsPerMinute: PER_MINUTE },
    });
    const rejected = async () => expectProblem(await send(route, partner.liveKey), 403, 'PARTNER_SUSPENDED');
    expect(await spentBy(mir, partner, rejected)).toEqual({ [route.policy]: 1 });
  });

  // The body of a caller without the scope is not decompressed.
  it.each(ROUTES.filter(({ takesBody, scope }) => takesBody && !scope.startsWith('members:')))(
    'charges one unit per 32 KiB of the body: $name',
    async (route) => {
      const partner = await aPartner();
      const body = JSON.stringify({ padding: 'x'.repeat(100 * 1024) });
      const plain = await spentBy(mir, partner, () => send(route, partner.liveKey, body));
      expect(plain).toEqual({ [route.policy]: 4 });
      const compressed = () =>
        mir.client.request(route.method, route.path, {
          key: partner.liveKey,
          body: gzipSync(body),
          headers: { 'content-encoding': 'gzip' },
        });
      expect(await spentBy(mir, partner, compressed)).toEqual({ [route.policy]: 4 });
    },
  );

  it.each(ROUTES.filter(({ name }) => LISTS.includes(name)))('charges one unit per 100 rows: $name', async (route) => {
    const partner = await aPartner();
    const list = (query: string) => () => mir.client.get(route.path + query, partner.liveKey);
    expect(await spentBy(mir, partner, list('?limit=100'))).toEqual({ requests: 1 });
    expect(await spentBy(mir, partner, list('?limit=101'))).toEqual({ requests: 2 });
    expect(await spentBy(mir, partner, list('?limit=500'))).toEqual({ requests: 5 });
    expect(await spentBy(mir, partner, list('?limit=501'))).toEqual({ requests: 1 });
  });
});

describe('charges of a batch POST /v1/resolve', () => {
  const users = (count: number, length = 8) => ({
    userExternalIds: Array.from({ length: count }, (_, n) => String(n).padStart(length, '0')),
  });

  it.each([
    [25, 1],
    [26, 2],
    [100, 4],
  ])('charges %i users %i units', async (count, units) => {
    const partner = await aPartner();
    const small = () => mir.client.post('/v1/resolve', partner.liveKey, users(count));
    expect(await spentBy(mir, partner, small)).toEqual({ requests: units });
    const large = () => mir.client.post('/v1/resolve', partner.liveKey, users(count, 256));
    expect(await spentBy(mir, partner, large)).toEqual({ requests: units });
  });

  it('charges for the users in a batch that is rejected', async () => {
    const partner = await aPartner();
    const rejected = async () =>
      expectProblem(await mir.client.post('/v1/resolve', partner.liveKey, users(101)), 422, 'VALIDATION_FAILED');
    expect(await spentBy(mir, partner, rejected)).toEqual({ requests: 5 });
  });

  it('returns 429 with Retry-After for a batch that costs more than is left', async () => {
    const { liveKey } = await aPartner(4);
    expect((await mir.client.post('/v1/resolve', liveKey, { userExternalId: 'u' })).status).toBe(200);
    const response = await mir.client.post('/v1/resolve', liveKey, users(100));
    expectProblem(response, 429, 'RATE_LIMITED');
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await mir.client.post('/v1/resolve', liveKey, users(50))).status).toBe(200);
  });

  it.each([
    ['a small batch', 8],
    ['a large batch', 256],
  ])('returns 422 for %s that costs more than the budget of a minute', async (_what, length) => {
    const { liveKey } = await aPartner(3);
    const response = await mir.client.post('/v1/resolve', liveKey, users(100, length));
    expectProblem(response, 422, 'BATCH_EXCEEDS_LIMIT');
    expect(response.body.detail).toContain('costs 4 units, more than your limit of 3 per minute');
  });

  it('applies the budget of an agent, too', async () => {
    const agent = await insertAgent(mir.ctx.store, await aPartner(), { rateLimitPerMinute: 4 });
    expectProblem(await mir.client.get('/v1/events?limit=500', agent.apiKey), 422, 'BATCH_EXCEEDS_LIMIT');
    expect((await mir.client.get('/v1/events?limit=400', agent.apiKey)).status).toBe(200);
    expectProblem(await mir.client.get('/v1/events', agent.apiKey), 429, 'RATE_LIMITED');
  });

  it.each([
    ['a small batch', 1, 8],
    ['a single user', 1, null],
    // The body is read only after the caller has paid for its size.
    ['a large batch', 2, 256],
  ])('authorizes and charges %s in %i script calls', async (_what, calls, length) => {
    const { liveKey } = await aPartner();
    const body = length === null ? { userExternalId: 'u' } : users(100, length);
    await mir.client.post('/v1/resolve', liveKey, { userExternalId: 'u' });
    const authorize = jest.spyOn(mir.ctx.authorizer, 'authorize');
    const { status } = await mir.client.post('/v1/resolve', liveKey, body);
    const authorized = authorize.mock.calls.length;
    authorize.mockRestore();
    expect(status).toBe(200);
    expect(authorized).toBe(calls);
  });
});
