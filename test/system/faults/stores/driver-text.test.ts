import { beforeAll, describe, expect, it } from '@jest/globals';
import { PAGES } from '../../../../api/web/routes';
import { ADMIN_ROUTES, PARTNER_ROUTES } from '../../../../api/routes';
import { queueKeys } from '../../../../shared/queue/bullmq-internals';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { driverTextIn } from '../../../support/driver-text';
import { everyRoute } from '../../../support/every-route';
import type { RouteCall } from '../../../support/route-call';
import type { StoreRole } from '../../../support/store-role';
import { faultEnvironment } from '../../../support/fault-environment';
import { ADMIN_TOKEN, type Harness, type TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { type OidcServer, oidcServers } from '../../../support/oidc-server';
import { outagesOf } from '../../../support/outages-of';
import type { OwnStore } from '../../../support/own-store';
import { startHarnessForPeople } from '../../../support/people';
import { waitUntil } from '../../../support/wait-until';

const REDIS_TIMEOUT_MS = 450;
/** Each page and route has rows of its own, which are created one after the other. */
const SETUP_TIMEOUT_MS = 180_000;
/** Lets the driver detect a frozen server quickly. The default is half a minute. */
const MONGO_WATCH = { connectTimeoutMS: '400', heartbeatFrequencyMS: '500' };

const { ownMongo, ownRedis, closeAtEnd, start } = faultEnvironment();
const oidcServer = oidcServers();
let mir: Harness;
let provider: OidcServer;
let stores: Record<StoreRole, OwnStore>;
let calls: RouteCall[];
let healthyResponses: RouteResponse[];

beforeAll(async () => {
  const [queue, cache, store] = await Promise.all([ownRedis(), ownRedis(), ownMongo()]);
  stores = { queue, cache, store };
  provider = await oidcServer();
  mir = await startHarnessForPeople({
    workers: false,
    env: {
      REDIS_URL: queue.url,
      CACHE_REDIS_URL: cache.url,
      MONGO_URL: withOptions(store.url, MONGO_WATCH),
      REDIS_TIMEOUT_MS: String(REDIS_TIMEOUT_MS),
      METRICS_ON_PUBLIC_PORT: 'true',
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: provider.clientId,
      OIDC_CLIENT_SECRET: provider.clientSecret,
    },
  });
  closeAtEnd(mir);
  calls = await everyRoute(mir, provider);
  // Sends the requests one at a time, because concurrent requests could exceed the short timeouts on a busy machine.
  healthyResponses = [];
  for (const call of calls) healthyResponses.push(await send(call));
}, SETUP_TIMEOUT_MS);

function withOptions(url: string, options: Record<string, string>): string {
  const changed = new URL(url);
  for (const [name, value] of Object.entries(options)) changed.searchParams.set(name, value);
  return changed.href;
}

interface RouteResponse {
  status: number;
  headers: Headers;
  body: string;
}

async function send({ method, path, headers, body }: RouteCall): Promise<RouteResponse> {
  const init = { method, headers, redirect: 'manual' as const, ...(body === undefined ? {} : { body }) };
  const res = await fetch(mir.url + path, init);
  return { status: res.status, headers: res.headers, body: await res.text() };
}

/** Explains driver messages to operators. Its text never depends on the stores. */
const RUNBOOK = 'GET /runbook';

/** Returns the driver messages in a response, as `route: text`. */
function leaksIn({ route }: RouteCall, { headers, body: whole }: RouteResponse): string[] {
  const head = [...headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  const body = route === RUNBOOK ? '' : whole;
  return driverTextIn(`${head}\n\n${body}`, Object.values(stores)).map((text) => `${route}: ${text}`);
}

const CODES = new Set(['OVERLOADED', 'STORE_UNAVAILABLE']);

/** Returns how a response breaks the API contract while one server is down. */
function violationsIn(call: RouteCall, down: StoreRole, { status, headers, body }: RouteResponse): string[] {
  const what = `${call.route} without ${down}`;
  if (!call.needs.includes(down)) return status < 400 ? [] : [`${what}: ${status}, but the route does not need it`];
  if (status !== 503) return [`${what}: ${status} instead of 503`];
  const found: string[] = [];
  if (!(Number(headers.get('retry-after')) > 0)) found.push(`${what}: no Retry-After`);
  const isProblem = headers.get('content-type') === 'application/problem+json';
  if (isProblem && !CODES.has((JSON.parse(body) as { code: string }).code)) found.push(`${what}: wrong code`);
  return found;
}

async function areAllUp(): Promise<boolean> {
  const { queueLink, cacheLink } = mir.ctx;
  if (queueLink.runId() === null || cacheLink.runId() === null) return false;
  const { body } = await mir.client.get('/readyz');
  return Object.values(body.checks as object).every((state) => state === 'up');
}

describe('driver messages in responses', () => {
  it('covers every route with a request in support/every-route.ts', () => {
    const routes = [...PARTNER_ROUTES, ...ADMIN_ROUTES, ...PAGES].map(({ method, path }) => `${method} ${path}`);
    const called = new Set(calls.map(({ route }) => route));
    expect(routes.filter((route) => !called.has(route))).toEqual([]);
    expect(called).toContain('POST /events');
  });

  it('responds to every request without an error while all servers are up', () => {
    const rejected = calls.filter((_, n) => healthyResponses[n]!.status >= 400).map(({ route }) => route);
    expect(rejected).toEqual([]);
  });

  it('never returns driver messages that earlier versions stored', () => {
    expect(calls.flatMap((call, n) => leaksIn(call, healthyResponses[n]!))).toEqual([]);
  });

  /** Requests that were not answered yet, or that could not change anything. To create their rows takes a while. */
  let unanswered: RouteCall[] = [];
  it.each<{ role: StoreRole; what: string; outage: 'stopped' | 'killed' | 'frozen'; rows: 'new' | 'as before' }>([
    { role: 'store', what: 'MongoDB', outage: 'killed', rows: 'new' },
    { role: 'store', what: 'MongoDB', outage: 'frozen', rows: 'as before' },
    { role: 'cache', what: 'the cache', outage: 'stopped', rows: 'as before' },
    { role: 'queue', what: 'the queue Redis', outage: 'stopped', rows: 'new' },
    { role: 'queue', what: 'the queue Redis', outage: 'frozen', rows: 'as before' },
  ])(
    'returns contract-conforming responses without driver messages while $what is $outage',
    async ({ role, outage, rows }) => {
      const ownCalls = rows === 'new' ? await everyRoute(mir, provider) : unanswered;
      const { begin, end } = outagesOf(() => stores[role]).find((candidate) => candidate.outage === outage)!;
      let responses: RouteResponse[];
      await begin();
      try {
        responses = await Promise.all(ownCalls.map(send));
      } finally {
        await end();
        await waitUntil('all servers are up again', areAllUp);
      }
      // Without MongoDB, no request changed a row, but the provider's codes work only once.
      unanswered = ownCalls.filter(({ route, needs }) =>
        role === 'queue' ? needs.includes(role) : !route.endsWith('/oidc/callback'),
      );
      expect(ownCalls.length).toBeGreaterThan(100);
      const leaks = ownCalls.flatMap((call, n) => leaksIn(call, responses[n]!));
      const violations = ownCalls.flatMap((call, n) => violationsIn(call, role, responses[n]!));
      expect({ leaks, violations }).toEqual({ leaks: [], violations: [] });
    },
  );

  /** Replaces a key with a value of the wrong type while `work` runs. */
  async function withWrongType<T>(key: string, work: () => Promise<T>): Promise<T> {
    const { client } = mir.ctx.queueLink;
    const existed = (await client.exists(key)) === 1;
    if (existed) await client.rename(key, `${key}:saved`);
    await client.hset(key, 'wrong', 'type');
    try {
      return await work();
    } finally {
      await client.del(key);
      if (existed) await client.rename(`${key}:saved`, key);
    }
  }

  it.each<[string, (partner: TestPartner) => string, (key: string) => Promise<TestResponse>]>([
    [
      'authorization',
      ({ partnerId, key }) => mir.ctx.keys.budget(key.tag, 'live', 'events') + partnerId,
      (key) => mir.client.post('/v1/events', key, anEvent()),
    ],
    [
      'adding a job',
      () => queueKeys(mir.ctx.keys, mir.ctx.queues.events.name).waiting,
      (key) => mir.client.post('/v1/events', key, anEvent()),
    ],
    [
      'listing dead letters',
      () => queueKeys(mir.ctx.keys, mir.ctx.queues.events.name).failed,
      () => mir.client.request('GET', '/admin/dead-letters', { headers: { 'x-admin-token': ADMIN_TOKEN } }),
    ],
  ])("returns 503 without Redis's error message when %s fails", async (_what, keyOf, request) => {
    const partner = await mir.partner();
    const { status, headers, body } = await withWrongType(keyOf(partner), () => request(partner.liveKey));
    expect([status, body.code, Number(headers.get('retry-after')) > 0]).toEqual([503, 'OVERLOADED', true]);
    expect(driverTextIn(JSON.stringify(body), Object.values(stores))).toEqual([]);
  });

  it('logs every cause of an error with the request ID of the response', async () => {
    const { liveKey, partnerId } = await mir.partner();
    const { agentId } = await insertAgent(mir.ctx.store, { partnerId });
    const api = await start('api', { ...mir.env, PORT: '0', LOG_LEVEL: 'warn' });
    expect((await api.client.get(`/v1/agents/${agentId}`, liveKey)).status).toBe(200);
    stores.queue.freeze();
    const kill = await api.client
      .post(`/v1/agents/${agentId}/revoke-descendants`, liveKey, {})
      .finally(() => stores.queue.thaw());
    expect([kill.status, kill.body.code]).toEqual([503, 'OVERLOADED']);
    expect(driverTextIn(JSON.stringify(kill.body), Object.values(stores))).toEqual([]);
    const { requestId } = kill.body;
    await waitUntil('the error is logged', () => api.stdout().includes(requestId));
    const line = api
      .stdout()
      .split('\n')
      .find((text) => text.includes(requestId))!;
    expect(JSON.parse(line)).toMatchObject({
      code: 'OVERLOADED',
      err: expect.stringMatching(
        /^OVERLOADED: The kill is recorded as csc_.*; caused by: .*; caused by: Command timed out$/,
      ),
    });
  });
});
