import { ADMIN_TOKEN, type Harness } from './harness';
import type { OidcServer } from './oidc-server';
import { boardCalls, pageCalls } from './page-calls';
import { BOTH, callOf, type CallOptions, NONE, QUEUE, type RouteCall, STORE } from './route-call';
import { prepareRoutes, type Prepared } from './route-fixtures';
import { portalFixtures, staffCalls } from './staff-calls';
import type { StoreRole } from './store-role';

const EVENT = { userExternalId: 'u-1', eventType: 'mir.transaction.completed' };

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

function otherCalls(): RouteCall[] {
  return ['/healthz', '/metrics', '/docs', '/openapi.json'].map((path) => callOf(`GET ${path}`, NONE, '', {}));
}

/**
 * Returns requests that cover every route. While all stores are up, all of them succeed. No request changes another
 * request's rows.
 */
export async function everyRoute(h: Harness, provider: OidcServer): Promise<RouteCall[]> {
  const prepared = await prepareRoutes(h, provider);
  const portal = await portalFixtures(h, prepared.partner, provider);
  return [
    ...partnerCalls(prepared),
    ...(await staffCalls(h, prepared.partner)).map(([route, needs, options]) =>
      callOf(route, needs === 'both' ? BOTH : STORE, '/v1', options),
    ),
    ...adminCalls(prepared),
    ...(await pageCalls(h, prepared, portal)),
    ...boardCalls(h, prepared, portal),
    ...otherCalls(),
    callOf('GET /readyz', QUEUE, '', {}),
    callOf('GET /.well-known/jwks.json', STORE, '', {}),
  ];
}
