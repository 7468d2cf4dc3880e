import type { Block, FinalBlock, KeyFacts, PathNode } from './credential';
import { PRESET_SCOPES } from '../domain/agent';
import { envOf, type PartnerId, partnerOf, tenantOf } from '../domain/ids';
import type { ParsedApiKey } from '../domain/api-key';
import { ROLE_SCOPES } from '../domain/roles';
import type { Scope } from '../domain/scopes';
import type { Secrets } from '../domain/subject';
import type { AgentDoc } from '../store/agents';
import { grantOf, keyIdOf, type PartnerDoc } from '../store/partners';
import type { Store } from '../store/store';

/** A key in MongoDB: its facts, and its path from the partner to the key's own agent. */
export interface StoredKey {
  facts: KeyFacts;
  scopes: readonly Scope[];
  /** Null if the key does not expire. */
  expiresAt: Date | null;
  path: string[];
}

/** Reads from the MongoDB primary. A final block means that the key belonged to an agent that was revoked or expired. */
export interface AuthorityStore {
  key(key: Pick<ParsedApiKey, 'hash' | 'agent' | 'member'>): Promise<StoredKey | FinalBlock | null>;
  nodes(ids: string[]): Promise<PathNode[]>;
  /** Returns the time of a partner's latest erasure in either environment, or null if there is none. */
  latestErasure(partnerId: PartnerId): Promise<Date | null>;
}

function partnerNode({ _id, suspended, limits, plan }: PartnerDoc): PathNode {
  return {
    id: _id,
    blocked: suspended ? 'PARTNER_SUSPENDED' : null,
    selfBlocked: null,
    budgets: { events: limits.eventsPerMinute, requests: limits.requestsPerMinute },
    facts: { plan, ...(limits.queueSharePercent ? { queueSharePercent: limits.queueSharePercent } : {}) },
    lifetime: null,
  };
}

function selfBlock({ status }: AgentDoc): Block | null {
  // The lifetime of an expired agent blocks it together with its descendants.
  if (status === 'ACTIVE' || status === 'EXPIRED') return null;
  return status === 'SUSPENDED' ? 'AGENT_SUSPENDED' : 'AGENT_KEY_REVOKED';
}

function agentNode(agent: AgentDoc): PathNode {
  const { _id, killedAt, subtreeSuspendedAt, rateLimitPerMinute, allowedEventTypes } = agent;
  return {
    id: _id,
    blocked: killedAt ? 'AGENT_KEY_REVOKED' : subtreeSuspendedAt ? 'AGENT_SUSPENDED' : null,
    selfBlocked: selfBlock(agent),
    budgets: { events: rateLimitPerMinute, requests: rateLimitPerMinute },
    facts: { allowedEventTypes },
    lifetime: agent,
  };
}

/**
 * Reads keys by hash, and the nodes on their paths, from the MongoDB primary. If no agent has the key, a second read
 * checks whether the key belonged to an agent that was revoked or has expired.
 */
export function authorityStore(
  { partners, agents, erasures, accessTokens }: Pick<Store, 'partners' | 'agents' | 'erasures' | 'accessTokens'>,
  { revokedKey }: Pick<Secrets, 'revokedKey'>,
): AuthorityStore {
  return {
    async key({ hash, agent: isAgent, member: isMember }): Promise<StoredKey | FinalBlock | null> {
      if (isMember) {
        const token = await accessTokens.get(hash);
        if (!token) return null;
        const { partnerId, env, role, memberId, name, confirmedAt } = token;
        const member = { memberId, name, role, confirmedAtMs: confirmedAt.getTime() };
        return {
          facts: { partnerId, env, agent: null, member },
          scopes: ROLE_SCOPES[role],
          expiresAt: token.expiresAt,
          path: [partnerId],
        };
      }
      if (!isAgent) {
        const partner = await partners.byKeyHash(hash);
        const own = partner?.keys.find((key) => key.hash === hash);
        if (!partner || !own) return null;
        const { allowedEventTypes, allowedIps, env } = own;
        const { scopes, expiresAt } = grantOf(own);
        const restrictions = { ...(allowedEventTypes && { allowedEventTypes }), ...(allowedIps && { allowedIps }) };
        return {
          facts: { partnerId: partner._id, env, keyId: keyIdOf(own), ...restrictions, agent: null },
          scopes,
          expiresAt,
          path: [partner._id],
        };
      }
      const agent = await agents.byKeyHash(hash);
      if (!agent) {
        const status = await agents.statusOfRevokedKey(revokedKey(hash));
        return status === 'EXPIRED' ? 'AGENT_EXPIRED' : status && 'AGENT_KEY_REVOKED';
      }
      const { _id, tenant, name, type, preset, ancestors } = agent;
      return {
        facts: {
          partnerId: partnerOf(tenant),
          env: envOf(tenant),
          agent: { agentId: _id, name, type },
        },
        scopes: PRESET_SCOPES[preset],
        expiresAt: null,
        path: [partnerOf(tenant), ...ancestors, _id],
      };
    },

    async nodes([partnerId, ...agentIds]): Promise<PathNode[]> {
      const [partner, own] = await Promise.all([
        partners.get(partnerId!),
        agentIds.length > 0 ? agents.byIds(agentIds) : Promise.resolve([]),
      ]);
      return [...(partner ? [partnerNode(partner)] : []), ...own.map(agentNode)];
    },

    latestErasure: (partnerId) => erasures.latest((['live', 'test'] as const).map((env) => tenantOf(partnerId, env))),
  };
}
