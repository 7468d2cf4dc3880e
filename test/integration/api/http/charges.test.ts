import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { PARTNER_ROUTES } from '../../../../api/routes';
import { type EventId, newChunkId, type PartnerId, tagOf, tenantOf } from '../../../../shared/domain/ids';
import { chunkIdAt, signReceipt } from '../../../../shared/domain/receipt';
import { appendEntries, sealAll } from '../../../support/audit-entries';
import type { TestResponse } from '../../../support/client';
import { growTree } from '../../../support/grow-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { expectProblem } from '../../../support/problems';
import { rawRequest } from '../../../support/raw-request';
import { sharedHarness } from '../../../support/shared-harness';

/** Low, so that budgets regain less than a unit while a test runs. */
const PER_MINUTE = 60;
const NDJSON = { accept: 'application/x-ndjson' };

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

const aPartner = (requestsPerMinute = PER_MINUTE, eventsPerMinute = PER_MINUTE): Promise<TestPartner> =>
  mir.partner({ limits: { eventsPerMinute, requestsPerMinute } });

type Policy = 'events' | 'requests' | 'control';
const CAPACITIES: Record<Policy, number> = { events: PER_MINUTE, requests: PER_MINUTE, control: 120 };

/** Returns the units that a request spends from each of the partner's budgets. Refills the budgets first. */
async function spentBy(
  { partnerId }: { partnerId: PartnerId },
  request: () => Promise<unknown>,
): Promise<Partial<Record<Policy, number>>> {
  const { client } = mir.ctx.queueLink;
  const keyOf = (policy: Policy): string => mir.ctx.keys.budget(tagOf(partnerId), 'live', policy) + partnerId;
  const policies = Object.keys(CAPACITIES) as Policy[];
  await client.del(...policies.map(keyOf));
  await request();
  const spent = await Promise.all(
    policies.map(async (policy): Promise<[Policy, number]> => {
      const budget = await client.get(keyOf(policy));
      return [policy, budget === null ? 0 : Math.ceil(CAPACITIES[policy] - Number(budget.split(' ')[0]))];
    }),
  );
  return Object.fromEntries(spent.filter(([, units]) => units > 0));
}

interface Called {
  name: string;
  method: string;
  path: string;
  takesBody: boolean;
  takesLimit: boolean;
  policy: Policy;
}

/** Every route that requires an API key, with arbitrary parameter values, so that most requests are rejected. */
const ROUTES = PARTNER_ROUTES.flatMap(({ method, path, auth, body, query }): Called[] => {
  if (auth.kind !== 'key') return [];
  const takesLimit = query !== undefined && 'limit' in ((query as { shape?: object }).shape ?? {});
  const facts = { takesBody: body !== undefined, takesLimit, policy: auth.budget ?? ('requests' as const) };
  return [{ name: `${method} ${path}`, method, path: `/v1${path.replaceAll(/:\w+/g, 'x')}`, ...facts }];
});

/** Routes whose `limit` bounds what the response may contain. Each of them charges for it in advance. */
const LISTS = [
  'GET /agents',
  'GET /agents/:id/lineage',
  'GET /agents/approvals',
  'GET /agents/tree',
  'GET /audit',
  'GET /events',
];

describe('charges of every route', () => {
  const send = ({ method, path, takesBody }: Called, key: string, body: unknown = {}): Promise<TestResponse> =>
    mir.client.request(method, path, { key, ...(takesBody ? { body } : {}) });

  it('charges every list in advance for the rows that its limit allows', () => {
    const lists = ROUTES.filter(({ takesLimit }) => takesLimit).map(({ name }) => name);
    expect(lists.toSorted()).toEqual([...LISTS, 'GET /audit/verify'].toSorted());
  });

  it.each(ROUTES)('charges one unit for a small request, even if it is rejected: $name', async (route) => {
    const partner = await aPartner();
    expect(await spentBy(partner, () => send(route, partner.liveKey))).toEqual({ [route.policy]: 1 });
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
    expect(await spentBy(partner, rejected)).toEqual({ [route.policy]: 1 });
  });

  it.each(ROUTES.filter(({ takesBody }) => takesBody))(
    'charges one unit per 32 KiB of the body: $name',
    async (route) => {
      const partner = await aPartner();
      const body = JSON.stringify({ padding: 'x'.repeat(100 * 1024) });
      const plain = await spentBy(partner, () => send(route, partner.liveKey, body));
      expect(plain).toEqual({ [route.policy]: 4 });
      const compressed = () =>
        mir.client.request(route.method, route.path, {
          key: partner.liveKey,
          body: gzipSync(body),
          headers: { 'content-encoding': 'gzip' },
        });
      expect(await spentBy(partner, compressed)).toEqual({ [route.policy]: 4 });
    },
  );

  it.each(ROUTES.filter(({ name }) => LISTS.includes(name)))('charges one unit per 100 rows: $name', async (route) => {
    const partner = await aPartner();
    const list = (query: string) => () => mir.client.get(route.path + query, partner.liveKey);
    expect(await spentBy(partner, list('?limit=100'))).toEqual({ requests: 1 });
    expect(await spentBy(partner, list('?limit=101'))).toEqual({ requests: 2 });
    expect(await spentBy(partner, list('?limit=500'))).toEqual({ requests: 5 });
    expect(await spentBy(partner, list('?limit=501'))).toEqual({ requests: 1 });
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
    expect(await spentBy(partner, small)).toEqual({ requests: units });
    const large = () => mir.client.post('/v1/resolve', partner.liveKey, users(count, 256));
    expect(await spentBy(partner, large)).toEqual({ requests: units });
  });

  it('charges for the users in a batch that is rejected', async () => {
    const partner = await aPartner();
    const rejected = async () =>
      expectProblem(await mir.client.post('/v1/resolve', partner.liveKey, users(101)), 422, 'VALIDATION_FAILED');
    expect(await spentBy(partner, rejected)).toEqual({ requests: 5 });
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

describe('charges for rows that a request reads', () => {
  const TREE = 250;
  const grow = async (size = TREE, requestsPerMinute = PER_MINUTE) => {
    const partner = await aPartner(requestsPerMinute);
    const [root] = await growTree(mir.ctx.store, tenantOf(partner.partnerId, 'live'), size);
    return { ...partner, root: root! };
  };
  const streamed = (path: string, key: string) =>
    rawRequest(mir.url, { path, headers: { 'x-api-key': key, ...NDJSON } });

  it('charges one unit per 100 agents of a streamed tree, whether or not they match the filter', async () => {
    const partner = await grow();
    for (const query of ['', '?status=SUSPENDED']) {
      const spent = await spentBy(partner, () => streamed(`/v1/agents/tree${query}`, partner.liveKey));
      expect(spent).toEqual({ requests: 3 });
    }
  });

  it('drops a stream when the budget is exhausted', async () => {
    const { liveKey } = await grow(1_000, 4);
    await expect(streamed('/v1/agents/tree', liveKey)).rejects.toThrow('aborted');
    expectProblem(await mir.client.get('/v1/agents/tree', liveKey), 429, 'RATE_LIMITED');
  });

  it('charges one unit per 100 entries of a streamed audit chain', async () => {
    const partner = await aPartner();
    await appendEntries(mir.ctx.store, tenantOf(partner.partnerId, 'live'), 201);
    expect(await spentBy(partner, () => streamed('/v1/audit', partner.liveKey))).toEqual({ requests: 3 });
  });

  it.each(['/v1/agents', '/v1/agents/tree'])('charges a filtered page for the agents it skips: %s', async (path) => {
    const partner = await grow();
    const page = () => mir.client.get(`${path}?status=SUSPENDED&limit=10`, partner.liveKey);
    const spent = (await spentBy(partner, page)).requests!;
    expect(spent).toBeGreaterThanOrEqual(3);
    expect(spent).toBeLessThanOrEqual(6);
  });

  it.each(['/v1/agents', '/v1/agents/tree'])(
    'ends a filtered page early when the budget is exhausted, so that clients can continue later: %s',
    async (path) => {
      const { liveKey } = await grow(TREE, 1);
      const { status, body } = await mir.client.get(`${path}?status=SUSPENDED&limit=10`, liveKey);
      expect({ status, body }).toEqual({ status: 200, body: { data: [], nextCursor: expect.any(String) } });
    },
  );

  it('charges the preview of a kill to the requests budget, and keeps the kill in the control budget', async () => {
    const partner = await grow();
    const path = `/v1/agents/${partner.root.agentId}/revoke-descendants`;
    const preview = () => mir.client.post(path, partner.liveKey, { dryRun: true });
    expect(await spentBy(partner, preview)).toEqual({ control: 1, requests: 2 });
    expect(await spentBy(partner, () => mir.client.post(path, partner.liveKey, {}))).toEqual({ control: 1 });
  });

  it('rejects the preview of a large kill when the requests budget is exhausted, but not the kill', async () => {
    const { liveKey, root } = await grow(TREE, 1);
    const path = `/v1/agents/${root.agentId}/revoke-descendants`;
    expect((await mir.client.get('/v1/events', liveKey)).status).toBe(200);
    const preview = await mir.client.post(path, liveKey, { dryRun: true });
    expectProblem(preview, 429, 'RATE_LIMITED');
    expect(preview.headers.get('ratelimit-policy')).toBe('"requests";q=1;w=60');
    expect((await mir.client.post(path, liveKey, {})).status).toBe(202);
  });

  it('charges one unit per 100 verified entries, and stops when the budget is exhausted', async () => {
    const partner = await aPartner();
    const chain = tenantOf(partner.partnerId, 'live');
    await appendEntries(mir.ctx.store, chain, 250);
    await sealAll(mir.ctx.store, chain);
    expect(await spentBy(partner, () => mir.client.get('/v1/audit/verify', partner.liveKey))).toEqual({ requests: 3 });

    const poor = await aPartner(2);
    const longer = tenantOf(poor.partnerId, 'live');
    await appendEntries(mir.ctx.store, longer, 250);
    await sealAll(mir.ctx.store, longer);
    const { body } = await mir.client.get('/v1/audit/verify', poor.liveKey);
    expect(body).toMatchObject({ intact: true, entries: 200, nextCursor: expect.any(String) });
  });

  it('charges one unit per 100 items of a receipt', async () => {
    const partner = await aPartner();
    const tenant = tenantOf(partner.partnerId, 'live');
    const base = newChunkId(Date.now());
    const facts = { base, chunks: 1, slot: null, accepted: 250, receivedAtMs: Date.now() };
    const receiptId = signReceipt(mir.ctx.secrets.receipt, tenant, facts);
    const items = Array.from({ length: 250 }, (_, index) => ({
      index,
      eventId: `evt_${index}` as EventId,
      outcome: 'CONFLICT' as const,
    }));
    const settledAt = new Date();
    const expireAt = new Date(Date.now() + 3_600_000);
    await mir.ctx.store.receipts.put([{ _id: chunkIdAt(base, 0), tenant, total: 250, items, settledAt, expireAt }]);
    const read = () => mir.client.get(`/v1/events/receipts/${receiptId}`, partner.liveKey);
    expect(await spentBy(partner, read)).toEqual({ requests: 3 });
    expect((await read()).body.items).toHaveLength(250);
  });
});
