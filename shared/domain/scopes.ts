/** Scopes of API keys. */
export const SCOPES = [
  'events:write',
  'events:read',
  'resolve:read',
  'links:write',
  'users:erase',
  'agents:manage',
  'agents:spawn',
  'agents:manage-all',
  'agents:approve',
  'agents:introspect',
  'keys:manage',
  'webhooks:manage',
  'usage:read',
  'audit:read',
] as const;

/** Scopes that only the roles of members have, because keys do not need them. */
const MEMBER_SCOPES = ['agents:read', 'keys:read', 'webhooks:read', 'members:read', 'members:manage'] as const;
export type ApiKeyScope = (typeof SCOPES)[number];
export type Scope = ApiKeyScope | (typeof MEMBER_SCOPES)[number];

/**
 * Scopes that concern an agent's own descendants, and the scope that a partner key needs instead, because it acts on
 * all of the partner's agents.
 */
export const PARTNER_SCOPE_OF: Partial<Record<Scope, Scope>> = {
  'agents:manage': 'agents:manage-all',
  'agents:spawn': 'agents:manage-all',
};

type KeyScope = Exclude<ApiKeyScope, 'agents:manage' | 'agents:spawn'>;

/** Scopes that a partner key can have. */
export const KEY_SCOPES = SCOPES.filter((scope): scope is KeyScope => PARTNER_SCOPE_OF[scope] === undefined);

/** Returns whether a partner key can have a scope. */
export function isKeyScope(scope: Scope): scope is KeyScope {
  return (KEY_SCOPES as readonly Scope[]).includes(scope);
}

/** What each scope of a partner key allows. */
export const KEY_SCOPE_MEANINGS: Record<KeyScope, string> = {
  'events:write': 'Submit events',
  'events:read': 'Read your own events and receipts',
  'resolve:read': 'Read signals and the link status of users',
  'links:write': 'Create invitations and link codes',
  'users:erase': 'Erase users',
  'agents:manage-all':
    'Register, change, suspend and revoke all of your agents, set the spawn policy, and manage receivers',
  'agents:approve': 'Approve or reject agents',
  'agents:introspect': 'Check whether agents’ keys are active, to protect your own services',
  'keys:manage': 'Create, rotate and revoke your API keys',
  'webhooks:manage': 'Manage your webhook endpoints and their deliveries',
  'usage:read': 'Read your usage',
  'audit:read': 'Read and verify your audit log',
};

/** Scopes for decisions that a new key's creator must grant by name. */
export const NAMED_SCOPES: ReadonlySet<Scope> = new Set<Scope>(['keys:manage', 'agents:approve']);
