import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { ParsedApiKey } from '../domain/api-key';
import { type ChunkId, type Tenant, tenantOf } from '../domain/ids';
import { MirError, overloaded } from '../errors';
import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';
import { type AuthorizeReply, scripts } from '../redis/scripts';
import { ABANDONED_AFTER_MS } from '../queue/sweep-open-chunks';
import { type Budget, CONTROL_REQUESTS_PER_MINUTE } from './budget';
import {
  type Block,
  type Credential,
  credentialOf,
  type KeyFacts,
  keyFactsSchema,
  nodeFactsSchema,
  type PathNode,
  type Policy,
  type Scope,
} from './credential';
import { blocked, isBlock, scopeMissing, unknownKey } from './rejections';
import { createWithInvalidation, type WithInvalidation } from './with-invalidation';

/** A row lives this long before the store is asked again. */
const ROW_TTL_MS = 3600 * 1000;
const LEASE_MS = 10_000;
/** Whoever meets a change under way looks again after this long, so many times. */
const FENCE_RETRY_MS = 10;
const MAX_TRIES = 40;
const MEMO_SIZE = 10_000;
/** Characters of all texts in the memo: paths of long lists are long, and their number alone would not bound it. */
const MEMO_MAX_CHARS = 16 * 1024 * 1024;

interface Entry {
  cost: number;
  /**
   * `whole`: all or nothing. `part`: as much as is left (several requests share the entry). `credit`: charged in
   * full for work that was done already, and granted if anything was left; the debt is at most a minute's budget.
   */
  grant: 'whole' | 'part' | 'credit';
  /** Chunks whose open markers are set when anything is granted. */
  chunkIds: ChunkId[];
}

/** The result of authorization: the caller, what was granted, and the queue store's clock. */
export interface Admission {
  credential: Credential;
  /** The queue store's time; null when it could not be asked. */
  nowMs: number | null;
  /** The tenant's watermark: every event received before it is finalized. Null while Redis is down. */
  watermarkMs: number | null;
  openChunks: number;
  /** The tightest budget of the path. */
  budget: Budget | null;
  /** Units granted to each entry, in order. */
  granted: number[];
}

export interface Authorizer {
  /** One round trip for all entries of one key. Throws when the caller is rejected, or cannot be authorized now. */
  authorize(key: ParsedApiKey, policy: Policy, scope: Scope | null, entries: Entry[]): Promise<Admission>;
  /** Authority from the store alone, without budget: for reading while the queue store is away. */
  authorizeFromStore(key: ParsedApiKey, scope: Scope | null): Promise<Admission>;
  /**
   * Runs a change of authority. From before the change until after it nobody, in any process, is admitted by the rows
   * that it touches; they are then read again from the store. `doneAtMs` is the queue store's time from which the change
   * is in force everywhere. A change that may `hold` right before it commits keeps callers waiting for less long.
   */
  withInvalidation: WithInvalidation;
}

/** A key as the store knows it: its facts and its path from the partner to its own agent. */
export interface StoredKey {
  facts: KeyFacts;
  path: string[];
}

/** Reads of the primary. `AGENT_KEY_REVOKED`: no agent has the key any more, and one that was revoked had it. */
export interface AuthorityStore {
  key(hash: string, isAgent: boolean): Promise<StoredKey | 'AGENT_KEY_REVOKED' | null>;
  nodes(ids: string[]): Promise<PathNode[]>;
}

/** `onOldMarker` hears of a tenant whose oldest open chunk may be abandoned. */
export function createAuthorizer(deps: {
  link: RedisLink;
  keys: RedisKeys;
  store: AuthorityStore;
  onOldMarker?: (tenant: Tenant, nowMs: number) => void;
}): Authorizer {
  const { link, keys, store, onOldMarker } = deps;
  const redis = link.client;

  const epochNow = (): string => {
    const epoch = link.epoch();
    if (epoch === null) throw overloaded('QUEUE_STORE_UNREACHABLE');
    return epoch;
  };

  /** Puts texts of key and nodes together once; it says nothing of whether they still hold. */
  const memo = new LRUCache<string, Credential>({
    max: MEMO_SIZE,
    maxSize: MEMO_MAX_CHARS,
    sizeCalculation: (_credential, text) => text.length,
  });
  const parse = (body: string, nodes: string): Credential => {
    const name = `${body}\n${nodes}`;
    let credential = memo.get(name);
    if (!credential) {
      const facts = nodes.split('\n').map((text) => nodeFactsSchema.parse(JSON.parse(text)));
      memo.set(name, (credential = credentialOf(keyFactsSchema.parse(JSON.parse(body)), facts)));
    }
    return credential;
  };

  const keySlot = (tag: string, hash: string): [string, string] => [
    keys.credential(tag, hash),
    keys.credentialLease(tag, hash),
  ];
  const nodeSlot = (tag: string, id: string): [string, string] => [keys.node(tag, id), keys.nodeLease(tag, id)];

  /**
   * Replaces a key's row with the tombstone of a revoked agent's key, so that its callers stop reaching the store. Needs
   * no lease: revocation is permanent, so no later state can be overwritten. Without the row, callers get the same error.
   */
  const writeTombstone = async (slot: [string, string], epoch: string): Promise<void> => {
    const tombstone = { run: epoch, path: 'AGENT_KEY_REVOKED' satisfies Block };
    const write = redis
      .multi()
      .del(...slot)
      .hset(slot[0], tombstone)
      .pexpire(slot[0], ROW_TTL_MS);
    await write.exec().catch(() => undefined);
  };

  const loading = new Map<string, Promise<void>>();
  /** Reads key and path from the store and fills their rows under leases. Concurrent misses of one key share it. */
  const load = (key: ParsedApiKey): Promise<void> => {
    const running = loading.get(key.hash);
    if (running) return running;
    const work = (async () => {
      const epoch = epochNow();
      const token = randomUUID();
      const own = keySlot(key.tag, key.hash);
      await scripts.leaseAuthority(redis, own, [epoch, token, LEASE_MS]);
      const stored = await store.key(key.hash, key.agent);
      if (stored === 'AGENT_KEY_REVOKED') {
        await writeTombstone(own, epoch);
        throw blocked(stored);
      }
      if (!stored) throw unknownKey();
      const slots = stored.path.map((id) => nodeSlot(key.tag, id));
      await scripts.leaseAuthority(redis, slots.flat(), [epoch, token, LEASE_MS]);
      const nodes = await store.nodes(stored.path);
      if (nodes.length !== stored.path.length) throw unknownKey();
      const fill = (slot: [string, string], row: Record<string, string | number>): Promise<number> =>
        scripts.fillAuthority(redis, slot, [token, ROW_TTL_MS, ...Object.entries({ run: epoch, ...row }).flat()]);
      await Promise.all(nodes.map((node, n) => fill(slots[n]!, nodeRow(node))));
      await fill(own, {
        path: stored.path.join(' '),
        scopes: ` ${stored.facts.scopes.join(' ')} `,
        body: JSON.stringify(stored.facts),
      });
    })().finally(() => loading.delete(key.hash));
    loading.set(key.hash, work);
    return work;
  };

  const call = async (
    key: ParsedApiKey,
    policy: Policy,
    scope: Scope | null,
    entries: Entry[],
  ): Promise<AuthorizeReply> => {
    const args = entries.flatMap(({ cost, grant, chunkIds }) => [cost, grant, chunkIds.join(' ')]);
    const rows: [string, string] = [
      keys.credential(key.tag, key.hash),
      keys.openChunks(tenantOf(key.partnerId, key.env)),
    ];
    return scripts.authorize(redis, rows, [
      epochNow(),
      policy,
      scope ?? '',
      keys.node(key.tag, ''),
      keys.budget(key.tag, key.env, policy),
      policy === 'control' ? CONTROL_REQUESTS_PER_MINUTE : '',
      ...args,
    ]);
  };

  /** Asks until the rows are there and nobody is changing them. */
  const ask = async (
    key: ParsedApiKey,
    policy: Policy,
    scope: Scope | null,
    entries: Entry[],
  ): Promise<AuthorizeReply> => {
    try {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const answer = await call(key, policy, scope, entries);
        if (answer[0] === 'MISS') await load(key);
        else if (answer[0] === 'HOLD') await delay(FENCE_RETRY_MS);
        else return answer;
      }
    } catch (error) {
      if (error instanceof MirError) throw error;
      throw overloaded('QUEUE_STORE_SILENT', 2, error);
    }
    throw overloaded('AUTHORITY_CHANGING', 1);
  };

  return {
    async authorize(key, policy, scope, entries) {
      const [status, body, nodes, nowMs, lowestOpenMs, capacity, left, openChunks, smallest, ...granted] = await ask(
        key,
        policy,
        scope,
        entries,
      );
      const budget = capacity === undefined ? null : { policy, capacity, left: left!, smallest: smallest ?? capacity };
      if (status === 'SCOPE') throw scopeMissing(scope, budget);
      if (isBlock(status)) throw blocked(status, budget);
      if (status !== 'OK')
        throw new MirError('INTERNAL', 'authorization returned an unknown status', { cause: status });
      if (lowestOpenMs !== -1 && nowMs! - lowestOpenMs! > ABANDONED_AFTER_MS) {
        onOldMarker?.(tenantOf(key.partnerId, key.env), nowMs!);
      }
      return {
        credential: parse(body, nodes),
        nowMs: nowMs!,
        watermarkMs: lowestOpenMs === -1 ? nowMs! : lowestOpenMs!,
        openChunks: openChunks!,
        budget,
        granted,
      };
    },

    async authorizeFromStore(key, scope) {
      const stored = await store.key(key.hash, key.agent);
      if (stored === 'AGENT_KEY_REVOKED') throw blocked(stored);
      if (!stored) throw unknownKey();
      const nodes = await store.nodes(stored.path);
      if (nodes.length !== stored.path.length) throw unknownKey();
      const blocks = [...nodes.map((node) => node.blocked), nodes.at(-1)!.selfBlocked].filter(
        (block) => block !== null,
      );
      // Of several, the one that is permanent counts, as in the script.
      const block = blocks.find((one) => one === 'AGENT_KEY_REVOKED') ?? blocks[0];
      if (block) throw blocked(block);
      if (scope && !stored.facts.scopes.includes(scope)) throw scopeMissing(scope);
      const credential = credentialOf(
        stored.facts,
        nodes.map(({ facts }) => facts),
      );
      return { credential, nowMs: null, watermarkMs: null, openChunks: 0, budget: null, granted: [] };
    },

    withInvalidation: createWithInvalidation({
      redis,
      epochNow,
      slotsOf: (tag, { nodes = [], keyHashes = [] }) => [
        ...nodes.map((id) => nodeSlot(tag, id)),
        ...keyHashes.map((hash) => keySlot(tag, hash)),
      ],
    }),
  };
}

function nodeRow({ blocked: block, selfBlocked, budgets, facts }: PathNode): Record<string, string | number> {
  return {
    blocked: block ?? '',
    self: selfBlocked ?? '',
    'cap:events': budgets.events ?? '',
    'cap:requests': budgets.requests ?? '',
    facts: JSON.stringify(facts),
  };
}
