import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { ACTIVITY_LAG_MS, idleSinceMs, type LifetimeFacts } from '../domain/agent-lifetime';
import { type Credential, credentialOf, keyFactsSchema, nodeFactsSchema, type PathNode } from './credential';

const MEMO_SIZE = 10_000;
/**
 * Maximum number of characters in the memo. An entry can contain long allowlists, so a limit on the number of entries
 * is not enough.
 */
const MEMO_MAX_CHARS = 16 * 1024 * 1024;

const activeAncestorsSchema = z.string().transform((ids) => ids.split(' '));

/**
 * Returns a function that parses the facts in cached rows: those of a key, and one line for each node on its path. If an
 * idle limit applies, another line names the agent's ancestors below it, as a JSON string. Remembers credentials by the text they were parsed from, so they never go stale.
 */
export function createCredentialParser(): (keyFacts: string, nodeFacts: string) => Credential {
  const memo = new LRUCache<string, Credential>({
    max: MEMO_SIZE,
    maxSize: MEMO_MAX_CHARS,
    sizeCalculation: (_credential, text) => text.length,
  });
  return (body, nodes) => {
    const text = `${body}\n${nodes}`;
    let credential = memo.get(text);
    if (!credential) {
      const lines = nodes.split('\n').map((line): unknown => JSON.parse(line));
      const active = typeof lines.at(-1) === 'string' ? activeAncestorsSchema.parse(lines.pop()) : [];
      const facts = lines.map((line) => nodeFactsSchema.parse(line));
      memo.set(text, (credential = credentialOf(keyFactsSchema.parse(JSON.parse(body)), facts, active)));
    }
    return credential;
  };
}

/**
 * Returns the expiry and the idle timeout of an agent in ms, as authorize.lua reads them. An agent whose expiry is recorded
 * has expired at time 0.
 */
function lifeOf({ status, expiresAt, idleTimeoutSeconds }: LifetimeFacts): string {
  const expiryMs = status === 'EXPIRED' ? 0 : expiresAt?.getTime();
  const idleMs = idleTimeoutSeconds ? idleTimeoutSeconds * 1_000 : undefined;
  return expiryMs === undefined && idleMs === undefined ? '' : `${expiryMs ?? ''} ${idleMs ?? ''}`;
}

/** Returns the fields of a node's cached row, which authorize.lua reads. */
export function nodeRow(node: PathNode): Record<string, string | number> {
  const { blocked: block, selfBlocked, budgets, facts, lifetime } = node;
  return {
    life: lifetime ? lifeOf(lifetime) : '',
    blocked: block ?? '',
    self: selfBlocked ?? '',
    'cap:events': budgets.events ?? '',
    'cap:requests': budgets.requests ?? '',
    facts: JSON.stringify(facts),
    ...(lifetime ? { seen: idleSinceMs(lifetime) + ACTIVITY_LAG_MS } : {}),
  };
}
