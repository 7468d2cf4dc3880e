import { type AgentStatus, effectiveStatus } from '../../shared/domain/agent';
import { blocked } from '../../shared/authz/rejections';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import { statusOf } from './present-agent';

/** An agent with those above it, from the root on, as one transaction read them. */
export interface AgentPath {
  ancestors: AgentDoc[];
  agent: AgentDoc;
}

function revoked(detail: string): PublicError {
  return new PublicError('AGENT_REVOKED', detail);
}

/** Throws 409 unless the agent's status, with all that is above it, is one of `allowed`. */
export function requireStatus({ ancestors, agent }: AgentPath, allowed: readonly AgentStatus[]): void {
  const status = statusOf(agent, ancestors);
  if (allowed.includes(status)) return;
  if (status === 'REVOKED') throw revoked('The agent, or one above it with all below it, was revoked for good.');
  throw new PublicError('AGENT_STATE', `The agent is ${status}; this takes one that is ${allowed.join(' or ')}.`);
}

/** Throws 409 unless all of a path from the root on are alive and not suspended: only there does anything begin. */
export function requireAlivePath(path: readonly AgentDoc[]): void {
  for (const agent of path) {
    const status = effectiveStatus(agent.status, [agent]);
    if (status === 'REVOKED') throw revoked(`${agent._id} was revoked for good; nothing begins below it.`);
    if (status !== 'ACTIVE')
      throw new PublicError('AGENT_STATE', `${agent._id} is ${status}; nothing begins below it now.`);
  }
}

/** Rejects a caller that was revoked or suspended after it was authorized, as the authorizer would now. */
export function requireCallerAlive(self: string | null, path: readonly AgentDoc[]): void {
  if (self === null) return;
  const upToSelf = path.slice(0, path.findIndex(({ _id }) => _id === self) + 1);
  const status = effectiveStatus(upToSelf.at(-1)?.status ?? 'REVOKED', upToSelf);
  if (status !== 'ACTIVE') throw blocked(status === 'SUSPENDED' ? 'AGENT_SUSPENDED' : 'AGENT_KEY_REVOKED');
}
