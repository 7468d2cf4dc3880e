import type { HttpClient } from './http-client';
import {
  agentOf,
  allowedTypes,
  authorize,
  EVENT_TYPES,
  LOST_KEY,
  maskOf,
  type ModelKey,
  type ModelState,
} from './state';

const KNOWN_TYPES = (1 << EVENT_TYPES.length) - 1;

const active = (types: number): string => `ACTIVE ${types & KNOWN_TYPES}`;

/**
 * Introspects a key with a key of the partner. Returns `ACTIVE`, with the event types that the agent may submit,
 * `INACTIVE`, or the error code if the partner's key is rejected.
 */
export async function sendIntrospection(
  client: HttpClient,
  token: string,
  partnerKey: string,
  headers: Record<string, string>,
): Promise<string> {
  const { status, body } = await client.request('POST', '/v1/introspect', {
    key: partnerKey,
    headers,
    body: { token },
  });
  if (status !== 200) return body.code as string;
  return body.active === true ? active(maskOf(body.allowedEventTypes as string[])) : 'INACTIVE';
}

/**
 * Returns whether an introspection can have this outcome in a state. The partner's key is checked before the token, so
 * another state may explain that it was accepted.
 */
export function explainsIntrospection(
  state: ModelState,
  token: ModelKey,
  partnerKey: string,
  outcome: string,
): boolean {
  if (outcome !== 'INACTIVE' && !outcome.startsWith('ACTIVE')) {
    if (partnerKey === LOST_KEY) return outcome === 'API_KEY_INVALID';
    return authorize(state, { secret: partnerKey, agentId: null }, 'events:read') === outcome;
  }
  const rejection = token.agentId === null ? 'API_KEY_INVALID' : authorize(state, token, 'events:read');
  const isActive = rejection === null || rejection === 'SCOPE_MISSING';
  return outcome === (isActive ? active(allowedTypes(state, agentOf(state, token.agentId!))) : 'INACTIVE');
}
