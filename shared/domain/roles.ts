import { KEY_SCOPES, type Scope } from './scopes';

/** Roles of a partner's members. */
export const MEMBER_ROLES = ['VIEWER', 'DEVELOPER', 'AGENT_MANAGER', 'ADMINISTRATOR'] as const;
export type MemberRole = (typeof MEMBER_ROLES)[number];

const VIEWER: readonly Scope[] = [
  'events:read',
  'resolve:read',
  'usage:read',
  'audit:read',
  'agents:read',
  'keys:read',
  'webhooks:read',
  'members:read',
];

/**
 * What each role may do. A member's request needs the scope that its route declares, as a request with an API key does,
 * so this table is the only place that grants rights to members.
 */
export const ROLE_SCOPES: Record<MemberRole, readonly Scope[]> = {
  VIEWER,
  DEVELOPER: [...VIEWER, 'events:write', 'links:write', 'agents:introspect', 'keys:manage', 'webhooks:manage'],
  AGENT_MANAGER: [...VIEWER, 'agents:manage-all', 'agents:approve', 'agents:introspect'],
  ADMINISTRATOR: [...VIEWER, 'members:manage', ...KEY_SCOPES.filter((scope) => !VIEWER.includes(scope))],
};

export const MEMBER_ROLE_MEANINGS: Record<MemberRole, string> = {
  VIEWER: 'Reads everything, except secrets',
  DEVELOPER: 'Also submits events, links users, and manages API keys and webhooks',
  AGENT_MANAGER: 'Also registers, approves, changes and stops agents',
  ADMINISTRATOR: 'May do everything, including erasing users and managing members',
};

/** Roles of the people who operate this MIR server. */
export const OPERATOR_ROLES = ['VIEWER', 'SUPPORT', 'ON_CALL', 'ADMIN'] as const;
export type OperatorRole = (typeof OPERATOR_ROLES)[number];

const OPERATOR_VIEWER = ['partners:read', 'queues:read', 'audit:read', 'health:read'] as const;
const OPERATOR_SUPPORT = [...OPERATOR_VIEWER, 'applications:decide', 'people:support', 'users:erase'] as const;
const OPERATOR_ON_CALL = [
  ...OPERATOR_VIEWER,
  'agents:stop',
  'partners:suspend',
  'dead-letters:manage',
  'keys:revoke',
] as const;

/** What operators may do in the console. */
export type OperatorRight =
  | (typeof OPERATOR_SUPPORT)[number]
  | (typeof OPERATOR_ON_CALL)[number]
  | 'partners:change'
  | 'operators:manage';

export const OPERATOR_RIGHTS: Record<OperatorRole, readonly OperatorRight[]> = {
  VIEWER: OPERATOR_VIEWER,
  SUPPORT: OPERATOR_SUPPORT,
  ON_CALL: OPERATOR_ON_CALL,
  ADMIN: [...new Set([...OPERATOR_SUPPORT, ...OPERATOR_ON_CALL]), 'partners:change', 'operators:manage'],
};

export const MEMBER_ROLE_NAMES: Record<MemberRole, string> = {
  VIEWER: 'Viewer',
  DEVELOPER: 'Developer',
  AGENT_MANAGER: 'Agent manager',
  ADMINISTRATOR: 'Administrator',
};

export const OPERATOR_ROLE_NAMES: Record<OperatorRole, string> = {
  VIEWER: 'Viewer',
  SUPPORT: 'Support',
  ON_CALL: 'On-call',
  ADMIN: 'Admin',
};

export const OPERATOR_ROLE_MEANINGS: Record<OperatorRole, string> = {
  VIEWER: 'Reads everything in the console',
  SUPPORT: 'Also decides on applications, helps people with their accounts, and erases users',
  ON_CALL: 'Also stops agents, suspends partners, revokes keys, and replays or drops dead letters',
  ADMIN: 'May do everything, including changing partners and managing operators',
};
