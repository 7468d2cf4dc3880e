import { ADMIN_TOKEN, type TestPartner } from '../support/harness';
import type { ProbeKind } from './commands';
import type { HttpClient } from './http-client';
import { explainsIntrospection, sendIntrospection } from './introspections';
import type { Operation, Reply } from './operations';
import {
  agentOf,
  allowedTypes,
  authorize,
  EVENT_TYPES,
  type ModelKey,
  type ModelScope,
  type ModelState,
} from './state';

interface HttpRequest {
  method: string;
  path: string;
  body?: unknown;
}

/** Limits that no run reaches, because the model does not count agents. */
const UNLIMITED = { maxChildrenPerAgent: 100_000, maxAgentsPerRoot: 100_000 };

function requestOf({ partnerId }: TestPartner, op: Operation): HttpRequest {
  const post = (path: string, body: unknown = {}): HttpRequest => ({ method: 'POST', path, body });
  switch (op.kind) {
    case 'register':
    case 'spawn': {
      const { patterns, ...grant } = op.grant;
      const body = { name: 'Agent', ...grant, ...(patterns ? { allowedEventTypes: patterns } : {}) };
      return post(op.kind === 'register' ? '/v1/agents' : `/v1/agents/${op.parent}/spawn`, body);
    }
    case 'suspend':
    case 'revoke':
      return post(`/v1/agents/${op.target}/${op.kind}`, { includeDescendants: op.subtree });
    case 'reactivate':
      return post(`/v1/agents/${op.target}/reactivate`);
    case 'rotate':
      return post(`/v1/agents/${op.target}/key/rotate`);
    case 'kill':
      return post(`/v1/agents/${op.target}/revoke-descendants`);
    case 'narrow':
      return { method: 'PATCH', path: `/v1/agents/${op.target}`, body: { allowedEventTypes: op.patterns } };
    case 'approve':
    case 'reject':
      return post(`/v1/agents/approvals/${op.approvalId}/${op.kind}`);
    case 'policy': {
      const { approvalFromDepth, ...policy } = op.policy;
      const approval = approvalFromDepth === null ? {} : { fromDepth: approvalFromDepth };
      return { method: 'PUT', path: '/v1/agents/policy', body: { ...UNLIMITED, ...policy, approval } };
    }
    case 'rotatePartner':
      return post(`/admin/partners/${partnerId}/keys/rotate`, { env: 'live' });
    default: {
      const { suspended, enterprise } = op.change;
      const plan = enterprise === undefined ? {} : { plan: enterprise ? 'ENTERPRISE' : 'STANDARD' };
      const body = { ...(suspended === undefined ? {} : { suspended }), ...plan };
      return { method: 'PATCH', path: `/admin/partners/${partnerId}`, body };
    }
  }
}

/** Returns a client address that no other request uses, because unknown keys are limited per address. */
let requests = 0;
function nextAddress(): string {
  requests += 1;
  return `10.${(requests >> 16) & 255}.${(requests >> 8) & 255}.${requests & 255}`;
}

function codeOf({ kind }: Operation, { status, body }: Awaited<ReturnType<HttpClient['request']>>): string {
  if (status >= 400) return body.code as string;
  if (kind === 'spawn' && status === 202) return 'PENDING';
  return status === 200 && (kind === 'register' || kind === 'spawn') ? 'REPLAYED' : 'OK';
}

/** Sends an operation. A retry must use the same idempotency key. */
export async function sendOperation(
  client: HttpClient,
  partner: TestPartner,
  op: Operation,
  idempotencyKey: string,
): Promise<Reply> {
  const { method, path, body } = requestOf(partner, op);
  const headers: Record<string, string> =
    'caller' in op
      ? { 'x-forwarded-for': nextAddress(), 'idempotency-key': idempotencyKey }
      : { 'x-admin-token': ADMIN_TOKEN };
  const response = await client.request(method, path, {
    body,
    headers,
    ...('caller' in op ? { key: op.caller.secret } : {}),
  });
  const { apiKey = null, approvalId = null } = response.body;
  return { code: codeOf(op, response), key: apiKey, approvalId };
}

type RequestKind = Exclude<ProbeKind, 'introspect'>;
const PROBES: Record<RequestKind, HttpRequest & { scope: ModelScope; enterpriseOnly?: true }> = {
  readEvents: { method: 'GET', path: '/v1/events/receipts/none', scope: 'events:read' },
  resolve: { method: 'POST', path: '/v1/resolve', body: {}, scope: 'resolve:read' },
  submit: { method: 'POST', path: '/v1/events', scope: 'events:write' },
  spawn: { method: 'POST', path: '/v1/agents/none/spawn', body: {}, scope: 'agents:spawn', enterpriseOnly: true },
  manage: { method: 'GET', path: '/v1/agents?limit=0', scope: 'agents:manage' },
  update: { method: 'PATCH', path: '/v1/agents/none', body: {}, scope: 'agents:manage', enterpriseOnly: true },
  createLink: { method: 'POST', path: '/v1/partners/link/code', body: {}, scope: 'links:write' },
};
/** Writes that agents may not make without the ENTERPRISE plan. */
const WRITES = new Set<RequestKind>(['submit', 'createLink']);

const passed = (types: readonly string[]): string => `PASS ${types.join(' ')}`;

/** Returns the outcome of a request according to the model: `PASS`, with the event types that pass, or the error code. */
function expectedOutcome(state: ModelState, key: ModelKey, what: RequestKind): string {
  const { scope, enterpriseOnly } = PROBES[what];
  const rejection = authorize(state, key, scope);
  if (rejection !== null) return rejection;
  const needsPlan = enterpriseOnly || (key.agentId !== null && WRITES.has(what));
  if (needsPlan && !state.partner.enterprise) return 'ENTERPRISE_REQUIRED';
  if (what !== 'submit') return passed([]);
  const types = key.agentId === null ? -1 : allowedTypes(state, agentOf(state, key.agentId));
  return passed(EVENT_TYPES.filter((_type, n) => (types & (1 << n)) !== 0));
}

/** Returns whether a probe can have this outcome in a state. `partnerKey` is the key that introspected the probed one. */
export function explains(
  state: ModelState,
  key: ModelKey,
  { what, partnerKey, outcome }: { what: ProbeKind; partnerKey: string; outcome: string },
): boolean {
  if (what === 'introspect') return explainsIntrospection(state, key, partnerKey, outcome);
  return expectedOutcome(state, key, what) === outcome;
}

/** Sends a probe and returns its outcome. */
export async function sendProbe(
  client: HttpClient,
  { secret }: ModelKey,
  what: ProbeKind,
  partnerKey: string,
): Promise<string> {
  if (what === 'introspect') {
    return sendIntrospection(client, secret, partnerKey, { 'x-forwarded-for': nextAddress() });
  }
  const { method, path, body } = PROBES[what];
  const address = nextAddress();
  const events = EVENT_TYPES.map((eventType) => ({
    userExternalId: 'u-1',
    eventType,
    idempotencyKey: `${address}-${eventType}`,
  }));
  const sent = what === 'submit' ? { events } : body;
  const response = await client.request(method, path, {
    key: secret,
    headers: { 'x-forwarded-for': address },
    ...(sent === undefined ? {} : { body: sent }),
  });
  const { code, errors = [] } = response.body as { code?: string; errors?: { path: string; code: string }[] };
  const isOnlyInvalid = code === 'VALIDATION_FAILED' || code === 'NOT_FOUND';
  if (response.status >= 400 && !isOnlyInvalid) return code!;
  if (what !== 'submit') return passed([]);
  const notAllowed = errors.filter((error) => error.code === 'EVENT_TYPE_NOT_ALLOWED');
  if (notAllowed.length !== errors.length) return `unexpected ${JSON.stringify(errors)}`;
  const indexOf = (error: { path: string; index?: number }) => error.index ?? Number(error.path.split('.')[1]);
  const rejected = new Set(notAllowed.map(indexOf));
  return passed(EVENT_TYPES.filter((_type, n) => !rejected.has(n)));
}
