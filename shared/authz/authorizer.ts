import { setTimeout as delay } from 'node:timers/promises';
import type { ParsedApiKey } from '../domain/api-key';
import { type Tenant, tenantOf } from '../domain/ids';
import type { CountedRequest } from '../domain/usage';
import { MirError, overloaded } from '../errors';
import type { RedisLink } from '../redis/link';
import type { RedisKeys } from '../redis/keys';
import { type AuthorizeArgs, type AuthorizeReply, type CheckReply, scripts } from '../redis/scripts';
import { ABANDONED_AFTER_MS } from '../queue/sweep-open-chunks';
import type { AuthorityStore, StoredKey } from './authority-store';
import type { Admission, Entry } from './admission';
import { capacityPolicyOf, CONTROL_REQUESTS_PER_MINUTE } from './budget';
import { createCredentialParser } from './cached-rows';
import { type CheckKey, createKeyCheck } from './check-key';
import { type Credential, credentialOf, type Policy, type Scope } from './credential';
import { enteringText, markEntered } from './entering-requests';
import { createKeyLookups, type PresentedKey } from './key-lookups';
import { createKeyLoader, type Slot } from './load-key';
import { activeAncestorsOf, blockOf } from './path-blocks';
import { blocked, budgetExhausted, isBlock, scopeMissing, unknownKey } from './rejections';
import { createWithInvalidation, type WithInvalidation } from './with-invalidation';

/** Delay before a retry when a row is fenced. `MAX_TRIES` limits the number of attempts. */
const FENCE_RETRY_MS = 10;
const MAX_TRIES = 40;

export type { Admission };

export interface Authorizer {
  /**
   * Authorizes all entries for one key in one round trip. Throws if the caller is rejected or Redis is unavailable. A
   * rejected caller is charged, too: for its entries or, without entries, one unit. Once its budget is exhausted, throws
   * RATE_LIMITED. Counts `requests` in the partner's usage, unless an earlier call has done so, and marks them as
   * entered, also if the caller is rejected, but not if the key is unknown. Also checks the keys that the requests
   * contain, one per request, all of the same tenant, and `admission.checkKey` returns what was found.
   */
  authorize(
    key: PresentedKey,
    policy: Policy,
    scope: Scope | null,
    entries: Entry[],
    requests?: readonly CountedRequest[],
    contained?: readonly PresentedKey[],
  ): Promise<Admission>;
  /** Authorizes a read while Redis is down, using only MongoDB and without charging a budget. */
  authorizeFromStore(key: PresentedKey, scope: Scope | null, requests?: readonly CountedRequest[]): Promise<Admission>;
  /** Checks a key while Redis is down, using only MongoDB. Throws if too many unknown keys were presented. */
  checkKeyFromStore: CheckKey;
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

  const keySlot = (tag: string, hash: string): Slot => [keys.credential(tag, hash), keys.credentialLease(tag, hash)];
  const nodeSlot = (tag: string, id: string): Slot => [keys.node(tag, id), keys.nodeLease(tag, id)];
  const load = createKeyLoader({ redis, keys, store, lookups, epochNow, keySlot, nodeSlot });

  const rowsOf = ({ tag, hash, partnerId, env }: ParsedApiKey): [string, string, string] => [
    keys.credential(tag, hash),
    keys.openChunks(tenantOf(partnerId, env)),
    keys.clock(tag),
  ];

  /** Authorizes requests, and checks the keys that they contain. */
  const call = async (
    key: ParsedApiKey,
    policy: Policy,
    scope: Scope | null,
    entries: Entry[],
    requests: readonly CountedRequest[],
    contained: readonly ParsedApiKey[],
  ): Promise<[AuthorizeReply, ...CheckReply[]]> => {
    const args: AuthorizeArgs = [
      epochNow(),
      capacityPolicyOf(policy),
      scope ?? '',
      keys.node(key.tag, ''),
      keys.budget(key.tag, key.env, policy),
      policy === 'control' ? CONTROL_REQUESTS_PER_MINUTE : '',
      enteringText(requests),
      keys.usage(tenantOf(key.partnerId, key.env), ''),
      ...entries.flatMap(({ cost, grant, chunkIds }) => [cost, grant, chunkIds.join(' ')]),
    ];
    if (contained.length === 0) return [(await scripts.authorize(redis, rowsOf(key), args)) as AuthorizeReply];
    const credentials = contained.map(({ tag, hash }) => keys.credential(tag, hash));
    return scripts.authorizeAndCheck(redis, [...rowsOf(key), ...credentials], args);
  };

  const check = async (key: ParsedApiKey): Promise<CheckReply> => {
    const args: AuthorizeArgs = [epochNow(), '', '', keys.node(key.tag, ''), '', '', '', ''];
    return (await scripts.authorize(redis, rowsOf(key), args)) as CheckReply;
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

  const { checkKey, checkKeyFromStore } = createKeyCheck({
    check,
    retried: (key, callOnce) => callWithRetry(key, [], callOnce),
    parse,
    readFromStore,
  });

  return {
    checkKeyFromStore,
    markKnown,

    async authorize(key, policy, scope, entries, requests = [], contained = []) {
      const checks = new Map<string, CheckReply>();
      const callOnce = async (): Promise<AuthorizeReply> => {
        const [reply, ...checked] = await call(key, policy, scope, entries, requests, contained);
        checked.forEach((one, n) => checks.set(contained[n]!.hash, one));
        return reply;
      };
      const [status, body, nodes, nowMs, lowestOpenMs, capacity, left, openChunks, smallest, ...granted] =
        await callWithRetry(key, requests, callOnce);
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
        checkKey: (other) => checkKey(other, checks.get(other.hash)),
      };
    },

    async authorizeFromStore(key, scope, requests = []) {
      const { stored, credential } = await readFromStore(key, requests);
      if (scope && !stored.scopes.includes(scope)) throw scopeMissing(scope);
      return {
        credential,
        nowMs: null,
        watermarkMs: null,
        openChunks: 0,
        budget: null,
        granted: [],
        checkKey: checkKeyFromStore,
      };
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
