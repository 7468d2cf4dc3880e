import type { AgentStatus } from '../../shared/domain/agent';
import { blocked } from '../../shared/authz/rejections';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import { statusOf } from './present-agent';

/** An agent and its ancestors (root … parent), read in one transaction. */
export interface AgentPath {
  ancestors: AgentDoc[];
  agent: AgentDoc;
}

function revoked(detail: string): PublicError {
  return new PublicError('AGENT_REVOKED', detail);
}

/** Throws 409 unless the agent's effective status is one of `allowed`. */
export function requireStatus({ ancestors, agent }: AgentPath, allowed: readonly AgentStatus[]): void {
  const status = statusOf(agent, ancestors);
  if (allowed.includes(status)) return;
  if (status === 'REVOKED') throw revoked('The agent was permanently revoked. Register or spawn a new one.');
  if (status === 'EXPIRED') throw new PublicError('AGENT_STATE', 'The agent has expired. Register or spawn a new one.');
  throw new PublicError('AGENT_STATE', `The agent is ${status}, but this action requires ${allowed.join(' or ')}.`);
}

/**
 * Throws 409 unless every agent on `path` (root … parent) is active. Agents can be spawned or approved only below
 * active ancestors.
 */
export function requireAlivePath(path: readonly AgentDoc[]): void {
  for (const [n, agent] of path.entries()) {
    const status = statusOf(agent, path.slice(0, n));
    const consequence = 'You cannot spawn or approve agents below it';
    if (status === 'REVOKED') throw revoked(`Agent ${agent._id} was permanently revoked. ${consequence}.`);
    if (status === 'EXPIRED') throw new PublicError('AGENT_STATE', `Agent ${agent._id} has expired. ${consequence}.`);
    if (status !== 'ACTIVE') {
      throw new PublicError('AGENT_STATE', `Agent ${agent._id} is ${status}. ${consequence} until it is ACTIVE.`);
    }
  }
}

/** Throws the authorizer's error if the calling agent was revoked or suspended, or expired, since it was authorized. */
export function requireCallerAlive(self: string | null, path: readonly AgentDoc[]): void {
  if (self === null) return;
  const n = path.findIndex(({ _id }) => _id === self);
  const agent = path[n];
  const status = agent ? statusOf(agent, path.slice(0, n)) : 'REVOKED';
  if (status === 'ACTIVE') return;
  if (status === 'SUSPENDED') throw blocked('AGENT_SUSPENDED');
  throw blocked(status === 'EXPIRED' ? 'AGENT_EXPIRED' : 'AGENT_KEY_REVOKED');
}
