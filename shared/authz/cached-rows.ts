import { LRUCache } from 'lru-cache';
import { type Credential, credentialOf, keyFactsSchema, nodeFactsSchema, type PathNode } from './credential';

const MEMO_SIZE = 10_000;
/**
 * Maximum number of characters in the memo. An entry can contain long allowlists, so a limit on the number of entries
 * is not enough.
 */
const MEMO_MAX_CHARS = 16 * 1024 * 1024;

/**
 * Returns a function that parses the facts in cached rows: those of a key, and one line for each node on its path.
 * Remembers credentials by the text they were parsed from, so they never go stale.
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
      const facts = nodes.split('\n').map((line) => nodeFactsSchema.parse(JSON.parse(line)));
      memo.set(text, (credential = credentialOf(keyFactsSchema.parse(JSON.parse(body)), facts)));
    }
    return credential;
  };
}

/** Returns the fields of a node's cached row, which authorize.lua reads. */
export function nodeRow({ blocked: block, selfBlocked, budgets, facts }: PathNode): Record<string, string | number> {
  return {
    blocked: block ?? '',
    self: selfBlocked ?? '',
    'cap:events': budgets.events ?? '',
    'cap:requests': budgets.requests ?? '',
    facts: JSON.stringify(facts),
  };
}
