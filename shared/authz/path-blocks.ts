import { isExpired } from '../domain/agent-lifetime';
import type { Block, PathNode } from './credential';

/**
 * Returns why a key is blocked, given the nodes on its path and its own expiry, or null. As in authorize.lua, permanent
 * blocks take precedence. Expiry is decided by the clock of this process.
 */
export function blockOf(nodes: readonly PathNode[], keyExpiresAt: Date | null, nowMs: number): Block | null {
  const blocks = [...nodes.map(({ blocked }) => blocked), nodes.at(-1)?.selfBlocked ?? null].filter(
    (block) => block !== null,
  );
  const agents = nodes.flatMap(({ lifetime }) => lifetime ?? []);
  if (blocks.includes('AGENT_KEY_REVOKED')) return 'AGENT_KEY_REVOKED';
  if (keyExpiresAt && keyExpiresAt.getTime() <= nowMs) return 'API_KEY_EXPIRED';
  if (isExpired(agents, nowMs)) return 'AGENT_EXPIRED';
  return blocks[0] ?? null;
}

/** Returns the agent's ancestors whose idle time its activity ends: those on its path from the first idle limit on. */
export function activeAncestorsOf(nodes: readonly PathNode[]): string[] {
  const first = nodes.findIndex(({ lifetime }) => lifetime?.idleTimeoutSeconds);
  return first === -1 ? [] : nodes.slice(first, -1).map(({ id }) => id);
}
