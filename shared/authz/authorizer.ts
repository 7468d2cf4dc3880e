import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ParsedApiKey } from '../domain/api-key';
import { type Tenant, tenantOf } from '../domain/ids';
import type { CountedRequest } from '../domain/usage';
import { MirError, overloaded } from '../errors';
import { advancePastErasure } from '../redis/clock';
import type { RedisLink } from '../redis/link';
import type { RedisKeys } from '../redis/keys';
import { type AuthorizeReply, type CheckReply, scripts } from '../redis/scripts';
import { ABANDONED_AFTER_MS } from '../queue/sweep-open-chunks';
import type { AuthorityStore, StoredKey } from './authority-store';
import type { Admission, Entry } from './admission';
import { capacityPolicyOf, CONTROL_REQUESTS_PER_MINUTE } from './budget';
import { createCredentialParser, nodeRow } from './cached-rows';
import { createKeyCheck, type KeyCheck } from './check-key';
import { type Credential, credentialOf, type FinalBlock, type Policy, type Scope } from './credential';
import { enteringText, markEntered } from './entering-requests';
import { createKeyLookups, type PresentedKey } from './key-lookups';
import { activeAncestorsOf, blockOf } from './path-blocks';
import { blocked, budgetExhausted, isBlock, scopeMissing, unknownKey } from './rejections';
import { createWithInvalidation, type WithInvalidation } from './with-invalidation';

/** Lifetime of a cached row. After it expires, the row is read from MongoDB again. */
const ROW_TTL_MS = 3600 * 1000;
const LEASE_MS = 10_000;
/** Delay before a retry when a row is fenced. `MAX_TRIES` limits the number of attempts. */
const FENCE_RETRY_MS = 10;
const MAX_TRIES = 40;

export type { Admission };

export interface Authorizer extends KeyCheck {
  /**
   * Authorizes all entries for one key in one round trip. Throws if the caller is rejected or Redis is unavailable. A
   * rejected caller is charged, too: for its entries or, without entries, one unit. Once its budget is exhausted, throws
   * RATE_LIMITED. Counts `requests` in the partner's usage, unless an earlier call has done so, and marks them as
   * entered, also if the caller is rejected, but not if the key is unknown.
   */
  authorize(
    key: PresentedKey,
    policy: Policy,
    scope: Scope | null,
    entries: Entry[],
    requests?: readonly CountedRequest[],
  ): Promise<Admission>;
  /** Authorizes a read while Redis is down, using only MongoDB and without charging a budget. */
  authorizeFromStore(key: PresentedKey, scope: Scope | null, requests?: readonly CountedRequest[]): Promise<Admission>;
  /**
   * Marks requests that are rejected without authorization as entered, if this process has admitted their key before.
   * Otherwise, anyone could add to a partner's usage.
   */
  markKnown(key: ParsedApiKey, requests: readonly CountedRequest[]): void;
  /**
   * Runs a change that affects authorization. While it runs, no process admits a caller based on the cached rows that
   * the change affects. Afterward, these rows are read from MongoDB again. `doneAtMs` is the time on the partner's clock
   * from which the change is in effect everywhere. To shorten the time that callers wait, a change can also fence rows
   * itself right before it commits.
   */
  withInvalidation: WithInvalidation;
}

/**
 * Creates the authorizer. Calls `onOldMarker` with each tenant whose oldest open chunk may be abandoned, and
 * `onLookupLimited` when a client address exceeds the limit on unknown keys.
 */
export function createAuthorizer(deps: {
  link: RedisLink;
  keys: RedisKeys;
  store: AuthorityStore;
  onOldMarker?: (tenant: Tenant, nowMs: number) => void;
  onLookupLimited?: () => void;
}): Authorizer {
  const { link, keys, store, onOldMarker } = deps;
  const redis = link.client;
  const lookups = createKeyLookups(deps.onLookupLimited);

  const epochNow = (): string => {
    const epoch = link.epoch();
    if (epoch === null) throw overloaded('QUEUE_STORE_UNREACHABLE');
    return epoch;
  };

  const parse = createCredentialParser();

  const keySlot = (tag: string, hash: string): [string, string] => [
    keys.credential(tag, hash),
    keys.credentialLease(tag, hash),
  ];
  const nodeSlot = (tag: string, id: string): [string, string] => [keys.node(tag, id), keys.nodeLease(tag, id)];

  /**
   * Replaces a revoked or expired agent's credential row with a tombstone, so that requests with its key no longer cause
   * MongoDB reads. Does not need a lease, because the block is permanent. If the write fails, callers still get the same
   * error.
   */
  const writeTombstone = async (slot: [string, string], epoch: string, block: FinalBlock): Promise<void> => {
    const tombstone = { run: epoch, path: block };
    const write = redis
      .multi()
      .del(...slot)
      .hset(slot[0], tombstone)
      .pexpire(slot[0], ROW_TTL_MS);
    await write.exec().catch(() => undefined);
  };

  const loading = new Map<string, Promise<void>>();
  /** Reads a key and its path from MongoDB and caches them under leases. Concurrent misses for a key share one load. */
  const load = (key: PresentedKey): Promise<void> => {
    const running = loading.get(key.hash);
    if (running) return running;
    const work = (async () => {
      const own = keySlot(key.tag, key.hash);
      const lease = (slots: string[]): Promise<[epoch: string, ...tokens: string[]]> =>
        scripts.leaseAuthority(redis, slots, [epochNow(), randomUUID(), LEASE_MS]);
      const fill = async (
        slot: [string, string],
        { token, epoch }: { token: string; epoch: string },
        row: Record<string, string | number>,
      ): Promise<void> => {
        // The row is not missing: another reader has filled it, or it is fenced.
        if (token === '') return;
        await scripts.fillAuthority(redis, slot, [token, ROW_TTL_MS, epoch, ...Object.entries(row).flat()]);
      };
      let [ownEpoch, ownToken] = ['', ''];
      const stored = await lookups.lookUp(key, async () => {
        [ownEpoch, ownToken] = (await lease(own)) as [string, string];
        return store.key(key);
      });
      if (typeof stored === 'string') {
        await writeTombstone(own, ownEpoch, stored);
        throw blocked(stored);
      }
      const slots = stored.path.map((id) => nodeSlot(key.tag, id));
      const [epoch, ...tokens] = await lease(slots.flat());
      const { partnerId } = stored.facts;
      const [nodes, erasedAt] = await Promise.all([store.nodes(stored.path), store.latestErasure(partnerId)]);
      if (nodes.length !== stored.path.length) throw unknownKey();
      // Every server authorizes a key only after it has been loaded into that server. A server that lost the clock, or
      // whose clock is behind, therefore never assigns a time to an event that an earlier erasure covers.
      if (erasedAt) await advancePastErasure(redis, keys, partnerId, erasedAt);
      await Promise.all(nodes.map((node, n) => fill(slots[n]!, { token: tokens[n]!, epoch }, nodeRow(node))));
      await fill(
        own,
        { token: ownToken, epoch: ownEpoch },
        {
          path: stored.path.join(' '),
          scopes: ` ${stored.scopes.join(' ')} `,
          // Earlier versions require this field, but do not use it.
          body: JSON.stringify({ ...stored.facts, scopes: [] }),
          ...(stored.expiresAt ? { exp: stored.expiresAt.getTime() } : {}),
        },
      );
    })().finally(() => loading.delete(key.hash));
    loading.set(key.hash, work);
    return work;
  };

  const call = async (
    key: ParsedApiKey,
    policy: Policy,
    scope: Scope | null,
    entries: Entry[],
    requests: readonly CountedRequest[],
  ): Promise<AuthorizeReply> => {
    const tenant = tenantOf(key.partnerId, key.env);
    const args = entries.flatMap(({ cost, grant, chunkIds }) => [cost, grant, chunkIds.join(' ')]);
    const rows: [string, string, string] = [
      keys.credential(key.tag, key.hash),
      keys.openChunks(tenant),
      keys.clock(key.tag),
    ];
    return scripts.authorize(redis, rows, [
      epochNow(),
      capacityPolicyOf(policy),
      scope ?? '',
      keys.node(key.tag, ''),
      keys.budget(key.tag, key.env, policy),
      policy === 'control' ? CONTROL_REQUESTS_PER_MINUTE : '',
      enteringText(requests),
      keys.usage(tenant, ''),
      ...args,
    ]);
  };

  const markKnown = (key: ParsedApiKey, requests: readonly CountedRequest[]): void => {
    if (lookups.wasAdmitted(key)) markEntered(requests, key, null);
  };

  /** Retries until the rows are cached and not fenced. */
  const callWithRetry = async <Reply extends [status: string, string, string, nowMs?: number, ...unknown[]]>(
    key: PresentedKey,
    requests: readonly CountedRequest[],
    callOnce: () => Promise<Reply>,
  ): Promise<Reply> => {
    lookups.requireNotUnknown(key);
    try {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const reply = await callOnce();
        if (reply[0] === 'MISS') await load(key);
        else if (reply[0] === 'HOLD') await delay(FENCE_RETRY_MS);
        else {
          lookups.admitted(key);
          markEntered(requests, key, reply[3] ?? null);
          return reply;
        }
      }
      throw overloaded('AUTHORITY_CHANGING', 1);
    } catch (error) {
      // The script may have counted the requests.
      if (!(error instanceof MirError)) throw overloaded('QUEUE_STORE_SILENT', 2, error);
      // The key may have been found revoked in MongoDB.
      if (isBlock(error.code)) markEntered(requests, key, null);
      else markKnown(key, requests);
      throw error;
    }
  };

  /** Reads a key and its path from MongoDB. Throws if requests with the key would be rejected. */
  const readFromStore = async (
    key: PresentedKey,
    requests: readonly CountedRequest[] = [],
  ): Promise<{ stored: StoredKey; credential: Credential }> => {
    lookups.requireNotUnknown(key);
    const stored = await lookups.lookUp(key, () => store.key(key));
    lookups.admitted(key);
    markEntered(requests, key, null);
    if (typeof stored === 'string') throw blocked(stored);
    const nodes = await store.nodes(stored.path);
    if (nodes.length !== stored.path.length) throw unknownKey();
    const block = blockOf(nodes, stored.expiresAt, Date.now());
    if (block) throw blocked(block);
    const facts = nodes.map((node) => node.facts);
    return { stored, credential: credentialOf(stored.facts, facts, activeAncestorsOf(nodes)) };
  };

  /** Checks keys of one tenant. */
  const check = async (several: readonly ParsedApiKey[]): Promise<CheckReply[]> => {
    const { tag, partnerId, env } = several[0]!;
    const credentials = several.map(({ hash }) => keys.credential(tag, hash));
    const rows = [...credentials, keys.openChunks(tenantOf(partnerId, env)), keys.clock(tag)];
    return scripts.checkKeys(redis, rows, [epochNow(), '', '', keys.node(tag, ''), '', '', '', '']);
  };

  return {
    ...createKeyCheck({
      check,
      retried: (key, callOnce) => callWithRetry(key, [], callOnce),
      requireNotUnknown: (key) => lookups.requireNotUnknown(key),
      parse,
      readFromStore,
    }),
    markKnown,

    async authorize(key, policy, scope, entries, requests = []) {
      const [status, body, nodes, nowMs, lowestOpenMs, capacity, left, openChunks, smallest, ...granted] =
        await callWithRetry(key, requests, () => call(key, policy, scope, entries, requests));
      const budget = capacity === undefined ? null : { policy, capacity, left: left!, smallest: smallest ?? capacity };
      if (status !== 'OK' && granted.length > 0 && granted.every((units) => units === 0))
        throw budgetExhausted(budget!);
      if (status === 'SCOPE') throw scopeMissing(scope, budget);
      if (isBlock(status)) throw blocked(status, budget);
      if (status !== 'OK')
        throw new MirError('INTERNAL', 'the authorization script returned an unknown status', { cause: status });
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

    async authorizeFromStore(key, scope, requests = []) {
      const { stored, credential } = await readFromStore(key, requests);
      if (scope && !stored.scopes.includes(scope)) throw scopeMissing(scope);
      return { credential, nowMs: null, watermarkMs: null, openChunks: 0, budget: null, granted: [] };
    },

    withInvalidation: createWithInvalidation({
      onChanged: () => lookups.forgetUnknown(),
      redis,
      epochNow,
      clockOf: keys.clock,
      slotsOf: (tag, { nodes = [], keyHashes = [] }) => [
        ...nodes.map((id) => nodeSlot(tag, id)),
        ...keyHashes.map((hash) => keySlot(tag, hash)),
      ],
    }),
  };
}
