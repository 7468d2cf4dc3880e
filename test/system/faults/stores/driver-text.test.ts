import { beforeAll, describe, expect, it } from '@jest/globals';
import { PAGES } from '../../../../api/web/routes';
import { ADMIN_ROUTES, PARTNER_ROUTES } from '../../../../api/routes';
import { queueKeys } from '../../../../shared/queue/bullmq-internals';
import { anEvent } from '../../../support/builders';
import type { TestAnswer } from '../../../support/client';
import { driverTextIn } from '../../../support/driver-text';
import { everyRoute, type RouteCall, type StoreRole } from '../../../support/every-route';
import { faultEnvironment } from '../../../support/fault-environment';
import { ADMIN_TOKEN, type Harness, type TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { type OidcServer, oidcServers } from '../../../support/oidc-server';
import type { OwnStore } from '../../../support/own-stores';
import { startHarnessForPeople } from '../../../support/people';
import { waitUntil } from '../../../support/wait-until';

const REDIS_TIMEOUT_MS = 450;
/** The driver finds out soon that its server hangs; by default it takes half a minute. */
const MONGO_WATCH = { connectTimeoutMS: '400', heartbeatFrequencyMS: '500' };

const { ownMongo, ownRedis, keep, start } = faultEnvironment();
const oidcServer = oidcServers();
let mir: Harness;
let provider: OidcServer;
let stores: Record<StoreRole, OwnStore>;
let calls: RouteCall[];
let granted: Answer[];

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
  keep(mir);
  calls = await everyRoute(mir, provider);
  granted = await Promise.all(calls.map(ask));
});

function withOptions(url: string, options: Record<string, string>): string {
  const changed = new URL(url);
  for (const [name, value] of Object.entries(options)) changed.searchParams.set(name, value);
  return changed.href;
}

interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

async function ask({ method, path, headers, body }: RouteCall): Promise<Answer> {
  const sent = { method, headers, redirect: 'manual' as const, ...(body === undefined ? {} : { body }) };
  const res = await fetch(mir.url + path, sent);
  return { status: res.status, headers: res.headers, body: await res.text() };
}

/** What a response says that it must not, as `route: text`. */
function leaks({ route }: RouteCall, { headers, body }: Answer): string[] {
  const head = [...headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  return driverTextIn(`${head}\n\n${body}`, Object.values(stores)).map((text) => `${route}: ${text}`);
}

const CODES = new Set(['OVERLOADED', 'STORE_UNAVAILABLE']);

/** How a response without one of the stores breaks the contract. */
function breaches(call: RouteCall, away: StoreRole, { status, headers, body }: Answer): string[] {
  const what = `${call.route} without ${away}`;
  if (!call.needs.includes(away)) return status < 400 ? [] : [`${what}: ${status}, though it is not needed`];
  if (status !== 503) return [`${what}: ${status} instead of 503`];
  const found: string[] = [];
  if (!(Number(headers.get('retry-after')) > 0)) found.push(`${what}: no Retry-After`);
  const isProblem = headers.get('content-type') === 'application/problem+json';
  if (isProblem && !CODES.has((JSON.parse(body) as { code: string }).code)) found.push(`${what}: another code`);
  return found;
}

async function allAreUp(): Promise<boolean> {
  const { queueLink, cacheLink } = mir.ctx;
  if (queueLink.runId() === null || cacheLink.runId() === null) return false;
  const { body } = await mir.client.get('/readyz');
  return Object.values(body.checks as object).every((state) => state === 'up');
}

describe('driver messages in responses', () => {
  it('the walk covers every route of the tables', () => {
    const tables = [...PARTNER_ROUTES, ...ADMIN_ROUTES, ...PAGES].map(({ method, path }) => `${method} ${path}`);
    const walked = new Set(calls.map(({ route }) => route));
    expect(tables.filter((route) => !walked.has(route))).toEqual([]);
    expect(walked).toContain('POST /events');
  });

  it('every request of the walk succeeds while all stores are up', () => {
    const rejected = calls.filter((_, n) => granted[n]!.status >= 400).map(({ route }) => route);
    expect(rejected).toEqual([]);
  });

  it('no response repeats driver messages that earlier versions stored', () => {
    expect(calls.flatMap((call, n) => leaks(call, granted[n]!))).toEqual([]);
  });

  describe.each<{ what: string; role: StoreRole; away: () => Promise<void> | void; back: () => Promise<void> | void }>([
    {
      what: 'the queue store stopped',
      role: 'queue',
      away: () => stores.queue.stop(),
      back: () => stores.queue.startAgain(),
    },
    {
      what: 'the queue store frozen',
      role: 'queue',
      away: () => stores.queue.freeze(),
      back: () => stores.queue.thaw(),
    },
    {
      what: 'the cache stopped',
      role: 'cache',
      away: () => stores.cache.stop(),
      back: () => stores.cache.startAgain(),
    },
    { what: 'MongoDB killed', role: 'store', away: () => stores.store.kill(), back: () => stores.store.startAgain() },
    { what: 'MongoDB frozen', role: 'store', away: () => stores.store.freeze(), back: () => stores.store.thaw() },
  ])('with $what', ({ role, away, back }) => {
    it('every route responds as the contract says, without driver text', async () => {
      const own = await everyRoute(mir, provider);
      let found: Answer[];
      await away();
      try {
        found = await Promise.all(own.map(ask));
      } finally {
        await back();
        await waitUntil('all stores are up again', allAreUp);
      }
      const leaked = own.flatMap((call, n) => leaks(call, found[n]!));
      const wrong = own.flatMap((call, n) => breaches(call, role, found[n]!));
      expect({ leaked, wrong }).toEqual({ leaked: [], wrong: [] });
    });
  });

  /** Puts a value of another type where a script expects its own, for as long as `work` takes. */
  async function withWrongType<T>(key: string, work: () => Promise<T>): Promise<T> {
    const { client } = mir.ctx.queueLink;
    const kept = (await client.exists(key)) === 1;
    if (kept) await client.rename(key, `${key}:kept`);
    await client.hset(key, 'of', 'another type');
    try {
      return await work();
    } finally {
      await client.del(key);
      if (kept) await client.rename(`${key}:kept`, key);
    }
  }

  it.each<[string, (partner: TestPartner) => string, (key: string) => Promise<TestAnswer>]>([
    [
      'that authorizes',
      ({ partnerId, key }) => mir.ctx.keys.budget(key.tag, 'live', 'events') + partnerId,
      (key) => mir.client.post('/v1/events', key, anEvent()),
    ],
    [
      'that enqueues',
      () => queueKeys(mir.ctx.keys, mir.ctx.queues.events.name).waiting,
      (key) => mir.client.post('/v1/events', key, anEvent()),
    ],
    [
      'that lists dead letters',
      () => queueKeys(mir.ctx.keys, mir.ctx.queues.events.name).failed,
      () => mir.client.request('GET', '/admin/dead-letters', { headers: { 'x-admin-token': ADMIN_TOKEN } }),
    ],
  ])('returns 503 without the message of Redis when the command %s fails', async (_what, keyOf, send) => {
    const partner = await mir.partner();
    const { status, headers, body } = await withWrongType(keyOf(partner), () => send(partner.liveKey));
    expect([status, body.code, Number(headers.get('retry-after')) > 0]).toEqual([503, 'OVERLOADED', true]);
    expect(driverTextIn(JSON.stringify(body), Object.values(stores))).toEqual([]);
  });

  it('the log has every cause of a rejection, with the request id of the response', async () => {
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
    await waitUntil('the rejection is logged', () => api.stdout().includes(requestId));
    const line = api
      .stdout()
      .split('\n')
      .find((one) => one.includes(requestId))!;
    expect(JSON.parse(line)).toMatchObject({
      code: 'OVERLOADED',
      err: expect.stringMatching(
        /^OVERLOADED: The kill is recorded as csc_.*; caused by: .*; caused by: Command timed out$/,
      ),
    });
  });
});
