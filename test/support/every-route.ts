import { openOperatorSession } from '../../api/web/console/session';
import { csrfTokenOf } from '../../api/web/http/csrf-token';
import { boardPaths, consoleRequests } from './console-requests';
import { ADMIN_TOKEN, type Harness } from './harness';
import type { OidcServer } from './oidc-server';
import { PASSWORD } from './people';
import { portalRequests } from './portal-requests';
import { type PortalFixtures, portalFixtures, staffCalls } from './staff-calls';
import type { StoreRole } from './store-role';
import { prepareRoutes, type Prepared } from './route-fixtures';

/** A request that succeeds while all stores are up. */
export interface RouteCall {
  /** `METHOD path`, as in the route tables. */
  route: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** The stores without which the request must get a 503. It must succeed if only others are down. */
  needs: readonly StoreRole[];
}

interface CallOptions {
  params?: Record<string, string>;
  query?: string;
  body?: unknown;
  key?: string;
  headers?: Record<string, string>;
}

const QUEUE = ['queue'] as const;
const STORE = ['store'] as const;
const BOTH = ['queue', 'store'] as const;
const NONE = [] as const;

const EVENT = { userExternalId: 'u-1', eventType: 'mir.transaction.completed' };

let addresses = 0;
/** Returns headers with a new client address, so that per-address throttles do not reject the call. */
const newClientAddress = (): Record<string, string> => {
  addresses += 1;
  return { 'x-forwarded-for': `10.99.${addresses >> 8}.${addresses & 255}` };
};

function callOf(route: string, needs: readonly StoreRole[], prefix: string, options: CallOptions): RouteCall {
  const [method, template] = route.split(' ') as [string, string];
  const path = template.replaceAll(/:(\w+)/g, (_all, name: string) => encodeURIComponent(options.params![name]!));
  const { body, key, query = '', headers = {} } = options;
  const json = body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' };
  return {
    route,
    method,
    path: prefix + path + query,
    needs,
    headers: { ...newClientAddress(), ...json, ...(key === undefined ? {} : { 'x-api-key': key }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  };
}

function partnerCalls({ partner, other, agents, ids }: Prepared): RouteCall[] {
  const call = (route: string, needs: readonly StoreRole[], options: CallOptions = {}): RouteCall =>
    callOf(route, needs, '/v1', { key: partner.liveKey, ...options });
  const submit = (options: CallOptions): RouteCall => call('POST /events', QUEUE, options);
  const of = (id: string): CallOptions => ({ params: { id } });
  return [
    submit({ body: EVENT }),
    submit({ body: { ...EVENT, idempotencyKey: 'order-1' }, key: agents.bot.apiKey }),
    submit({ body: { events: [EVENT, EVENT, { eventType: 'mir.none' }] } }),
    submit({
      body: `${JSON.stringify(EVENT)}\n${JSON.stringify(EVENT)}\n`,
      headers: { 'content-type': 'application/x-ndjson' },
    }),
    call('POST /resolve', STORE, { body: { userExternalId: 'u-1' } }),
    call('POST /resolve', STORE, { body: { userExternalIds: ['u-2', 'u-3'] }, key: agents.bot.apiKey }),
    call('POST /introspect', NONE, { body: { token: agents.bot.apiKey } }),
    call('GET /events', STORE),
    call('GET /events/receipts/:receiptId', STORE, { params: { receiptId: ids.receipt } }),
    call('GET /events/receipts', STORE),
    call('GET /events/receipts', STORE, { query: '?status=DONE_WITH_FAILURES' }),
    call('GET /rejected-events', STORE),
    call('GET /events/:eventId', STORE, { params: { eventId: ids.event } }),
    call('GET /event-types', NONE),
    call('POST /partners/applications', BOTH, { body: ids.application }),
    call('POST /partners/applications/status', BOTH, { body: ids.confirmedApplication }),
    call('POST /partners/link/invite', BOTH, { body: { userExternalId: 'u-4' } }),
    call('POST /partners/link/code', BOTH, { body: { userExternalId: 'u-5' } }),
    call('GET /partners/link/status', STORE, { query: '?userExternalId=u-4' }),
    call('PUT /partners/webhook', BOTH, { body: { url: 'https://harbour.example/hooks' } }),
    call('GET /partners/webhook', STORE),
    call('DELETE /partners/webhook', BOTH, { key: other.liveKey }),
    call('POST /users/erase', BOTH, { body: { userExternalId: 'u-6' } }),
    call('GET /users/erase/:receiptId', STORE, { params: { receiptId: ids.erasure } }),
    call('GET /usage', BOTH),
    call('GET /audit', STORE),
    call('GET /audit/verify', STORE),
    call('GET /audit/stream', STORE, { query: '?waitSeconds=0' }),
    call('GET /partners/me', STORE),
    call('GET /keys', STORE),
    call('POST /keys', BOTH, { body: { name: 'Any' } }),
    call('POST /keys/revoke-leaked', BOTH, { body: { apiKey: ids.leakedKey } }),
    call('GET /keys/:id', STORE, of(ids.keys[0]!)),
    call('POST /keys/:id/rotate', BOTH, of(ids.keys[1]!)),
    call('POST /keys/:id/revoke', BOTH, of(ids.keys[2]!)),
    call('GET /webhooks', STORE),
    call('POST /webhooks', BOTH, { body: { url: 'https://harbour.example/hooks' } }),
    call('GET /webhooks/:id', STORE, of(ids.webhooks[0]!)),
    call('PATCH /webhooks/:id', BOTH, { ...of(ids.webhooks[1]!), body: { enabled: false } }),
    call('DELETE /webhooks/:id', BOTH, of(ids.webhooks[2]!)),
    call('GET /webhooks/:id/deliveries', STORE, of(ids.webhooks[0]!)),
    call('POST /webhooks/:id/deliveries/:deliveryId/resend', BOTH, {
      params: { id: ids.webhooks[0]!, deliveryId: ids.delivery },
    }),
    call('POST /webhooks/:id/test', BOTH, of(ids.webhooks[0]!)),
    call('POST /webhooks/:id/rotate-secret', BOTH, of(ids.webhooks[3]!)),
    call('POST /webhooks/:id/recover', BOTH, { ...of(ids.webhooks[3]!), body: { since: '2026-01-01T00:00:00Z' } }),
    call('GET /agents/tree', STORE),
    call('GET /agents/tree', STORE, { headers: { accept: 'application/x-ndjson' } }),
    call('POST /agents/find', STORE, { body: { agentId: agents.bot.agentId } }),
    call('GET /cascades/:id', STORE, of(ids.cascade)),
    call('GET /agents/:id/lineage', STORE, of(agents.parent.agentId)),
    call('POST /agents/:id/revoke-descendants', STORE, { ...of(agents.parent.agentId), body: { dryRun: true } }),
    call('POST /agents/:id/revoke-descendants', BOTH, { ...of(agents.killed.agentId), body: {} }),
    call('GET /agents', STORE),
    call('POST /agents', BOTH, {
      body: { name: 'Any', type: 'AI_AGENT', preset: 'STANDARD', allowedEventTypes: ['mir.content.*'] },
    }),
    call('GET /agents/policy', STORE),
    call('PUT /agents/policy', BOTH, { body: { spawnEnabled: true }, key: other.liveKey }),
    call('GET /agents/approvals', STORE),
    call('POST /agents/approvals/:id/approve', BOTH, of(ids.approvals[0]!)),
    call('POST /agents/approvals/:id/reject', BOTH, of(ids.approvals[1]!)),
    call('GET /agents/:id', STORE, of(agents.parent.agentId)),
    call('PATCH /agents/:id', BOTH, { ...of(agents.patched.agentId), body: { name: 'Another name' } }),
    call('POST /agents/:id/suspend', BOTH, { ...of(agents.active.agentId), body: {} }),
    call('POST /agents/:id/reactivate', BOTH, { ...of(agents.suspended.agentId), body: {} }),
    call('POST /agents/:id/revoke', BOTH, { ...of(agents.revoked.agentId), body: {} }),
    call('POST /agents/:id/key/rotate', BOTH, of(agents.rotated.agentId)),
    call('GET /receivers', STORE),
    call('POST /receivers', BOTH, { body: { url: 'https://harbour.example/kills', format: 'SET' } }),
    call('DELETE /receivers/:id', BOTH, of(ids.receiver)),
    call('POST /agents/:id/spawn', BOTH, { ...of(agents.parent.agentId), body: { name: 'Child' } }),
  ];
}

function adminCalls({ other, ids, agents }: Prepared): RouteCall[] {
  const call = (route: string, needs: readonly StoreRole[], options: CallOptions = {}): RouteCall =>
    callOf(route, needs, '', { ...options, headers: { 'x-admin-token': ADMIN_TOKEN } });
  const of = (id: string): CallOptions => ({ params: { id } });
  const [shown, replayed, dropped] = ids.deadLetters as [string, string, string];
  return [
    call('GET /admin/applications', STORE),
    call('POST /admin/applications/:id/approve', STORE, { ...of(ids.applications[0]!), body: { plan: 'STANDARD' } }),
    call('POST /admin/applications/:id/reject', STORE, { ...of(ids.applications[1]!), body: { reason: 'no fit' } }),
    call('GET /admin/partners', STORE),
    call('GET /admin/partners/:id', STORE, of(other.partnerId)),
    call('PATCH /admin/partners/:id', BOTH, { ...of(ids.changedPartner), body: { suspended: true } }),
    call('POST /admin/partners/:id/keys/rotate', BOTH, { ...of(ids.changedPartner), body: { env: 'test' } }),
    call('POST /admin/agents/find', STORE, { body: { name: 'Any' } }),
    call('GET /admin/dead-letters', QUEUE),
    call('GET /admin/dead-letters/:id', QUEUE, of(shown)),
    call('POST /admin/dead-letters/:id/replay', BOTH, of(replayed)),
    call('DELETE /admin/dead-letters/:id', BOTH, of(dropped)),
    call('POST /admin/agents/:id/suspend', BOTH, { ...of(agents.active.agentId), body: { reason: 'Any' } }),
    call('POST /admin/agents/:id/reactivate', BOTH, { ...of(agents.suspended.agentId), body: { reason: 'Any' } }),
    call('POST /admin/agents/:id/revoke-descendants', BOTH, { ...of(agents.killed.agentId), body: { reason: 'Any' } }),
  ];
}

function pageCalls(
  { ctx, url }: Harness,
  prepared: Prepared,
  { operator: operators, ...portal }: PortalFixtures,
): RouteCall[] {
  const { webSession, ana, bea, links, emails, tokens, oidc, ids } = prepared;
  const tenant = { partnerId: prepared.partner.partnerId, env: 'live' };
  const cookieOf = (session: string | null): string =>
    [`mir_visitor=${webSession}`, ...(session === null ? [] : [session])].join('; ');
  const open = (route: string, needs: readonly StoreRole[], options: CallOptions = {}, session: string | null = null) =>
    callOf(route, needs, '', {
      ...options,
      headers: { accept: 'text/html', cookie: cookieOf(session), ...options.headers },
    });
  const post = (
    route: string,
    needs: readonly StoreRole[],
    fields: Record<string, string>,
    session: { id: string | null; cookie: string } | null = null,
    params: Record<string, string> = {},
  ): RouteCall => {
    const form_token = csrfTokenOf(ctx.secrets, { sessionId: session?.id ?? null, visitor: webSession });
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      origin: url,
      'sec-fetch-site': 'same-origin',
    };
    const body = new URLSearchParams({ form_token, ...fields }).toString();
    return open(route, needs, { params, headers, body }, session?.cookie ?? null);
  };
  const operator = openOperatorSession(ctx, Date.now()).split(';')[0]!;
  return [
    open('GET /', NONE),
    open('GET /signup', NONE),
    post('POST /signup', BOTH, { email: emails.unknown }),
    open('GET /verify', STORE, { query: `?token=${tokens.verifyShown}` }),
    post('POST /verify', BOTH, { token: tokens.verifyUsed, password: PASSWORD }),
    open('GET /verify/resend', NONE),
    post('POST /verify/resend', BOTH, { email: emails.unconfirmed }),
    open('GET /login', NONE),
    post('POST /login', BOTH, { email: ana.email, password: PASSWORD }),
    post('POST /logout', STORE, {}, ana.second),
    open('GET /login/oidc', QUEUE),
    open('GET /login/oidc/callback', BOTH, { query: oidc.query, headers: { cookie: oidc.cookie } }),
    open('GET /forgot', NONE),
    post('POST /forgot', BOTH, { email: ana.email }),
    open('GET /reset', STORE, { query: `?token=${tokens.resetShown}` }),
    post('POST /reset', BOTH, { token: tokens.resetUsed, password: PASSWORD }),
    ...['GET /partners', 'GET /partners/apply', 'GET /partners/status'].map((route) => open(route, NONE)),
    post('POST /partners/apply', BOTH, ids.application as Record<string, string>),
    post('POST /partners/status', BOTH, { ...ids.confirmedApplication }),
    open('GET /partners/applications/confirm', STORE, { query: `?token=${tokens.applicationShown}` }),
    post('POST /partners/applications/confirm', BOTH, { token: tokens.applicationUsed }),
    open('GET /outbox', STORE, {}, ana.session.cookie),
    open('GET /link', STORE, {}, ana.session.cookie),
    post('POST /link', BOTH, { code: links.code }, ana.session),
    open('GET /link/:token', STORE, { params: { token: links.shown } }, ana.session.cookie),
    post('POST /link/:token', STORE, { decision: 'connect' }, ana.session, { token: links.confirmed }),
    open('GET /account', STORE, {}, ana.session.cookie),
    open('GET /account/export', BOTH, {}, ana.session.cookie),
    open('GET /account/delete', STORE, {}, ana.session.cookie),
    post('POST /account/delete', BOTH, { password: PASSWORD }, bea.session),
    open('GET /account/links/:linkId', STORE, { params: { linkId: links.kept } }, ana.session.cookie),
    post('POST /account/links/:linkId', STORE, {}, ana.session, { linkId: links.removed }),
    open('GET /portal/login', NONE),
    post('POST /portal/login', BOTH, { email: portal.email, password: PASSWORD }),
    post('POST /portal/logout', BOTH, {}, portal.loggedOut),
    open('GET /portal/login/oidc', QUEUE),
    open('GET /portal/login/oidc/callback', BOTH, {
      query: portal.oidc.query,
      headers: { cookie: portal.oidc.cookie },
    }),
    open('GET /portal/invitation', STORE, { query: `?token=${portal.tokens.invitationShown}` }),
    post('POST /portal/invitation', BOTH, { token: portal.tokens.invitationUsed, name: 'Any', password: PASSWORD }),
    open('GET /portal/forgot', NONE),
    post('POST /portal/forgot', BOTH, { email: emails.unknown }),
    open('GET /portal/reset', STORE, { query: `?token=${portal.tokens.resetShown}` }),
    post('POST /portal/reset', BOTH, { token: portal.tokens.resetUsed, password: PASSWORD }),
    open('GET /portal', STORE, {}, portal.session.cookie),
    post('POST /portal/sessions/:sessionId/end', BOTH, {}, portal.session, { sessionId: portal.endedId }),
    ...consoleRequests(ids.applications.slice(2)).map(([route, params, fields]) =>
      fields ? post(route, STORE, fields, operators, params) : open(route, STORE, { params }, operators.cookie),
    ),
    ...portalRequests(prepared, portal).map(([route, needs, { query = '', fields }]) =>
      fields
        ? post(route, needs, fields, portal.session, tenant)
        : open(route, needs, { params: tenant, query }, portal.session.cookie),
    ),
    open('GET /guide', NONE),
    open('GET /runbook', NONE, {}, ana.session.cookie),
    open('GET /errors/:code', NONE, { params: { code: 'RATE_LIMITED' } }),
    open('GET /admin/login', NONE),
    open('GET /admin/login', QUEUE, {}, operator),
    post('POST /admin/login', NONE, { token: ADMIN_TOKEN }),
    open('GET /admin/logout', NONE, {}, operator),
    post('POST /admin/logout', QUEUE, {}, { id: null, cookie: openOperatorSession(ctx, Date.now()).split(';')[0]! }),
  ];
}

/** Returns the read requests that the queues page makes. */
function boardCalls({ ctx }: Harness, { ids }: Prepared): RouteCall[] {
  const cookie = openOperatorSession(ctx, Date.now()).split(';')[0]!;
  return boardPaths(ids.deadLetters[0]!).map((path) => {
    const accept = path === '' ? 'text/html' : 'application/json';
    return callOf(`GET /admin/queues${path}`, QUEUE, '', { headers: { cookie, accept } });
  });
}

function otherCalls(): RouteCall[] {
  return ['/healthz', '/metrics', '/docs', '/openapi.json'].map((path) => callOf(`GET ${path}`, NONE, '', {}));
}

/**
 * Returns requests that cover every route. While all stores are up, all of them succeed. No request changes another
 * request's rows.
 */
export async function everyRoute(h: Harness, provider: OidcServer): Promise<RouteCall[]> {
  const prepared = await prepareRoutes(h, provider);
  return [
    ...partnerCalls(prepared),
    ...(await staffCalls(h, prepared.partner)).map(([route, needs, options]) =>
      callOf(route, needs === 'both' ? BOTH : STORE, '/v1', options),
    ),
    ...adminCalls(prepared),
    ...pageCalls(h, prepared, await portalFixtures(h, prepared.partner, provider)),
    ...boardCalls(h, prepared),
    ...otherCalls(),
    callOf('GET /readyz', QUEUE, '', {}),
    callOf('GET /.well-known/jwks.json', STORE, '', {}),
  ];
}
