import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { ParsedApiKey } from '../domain/api-key';
import { type ChunkId, type Tenant, tenantOf } from '../domain/ids';
import { MirError, messageOf, overloaded } from '../platform/errors';
import type { RedisLink } from '../queue/connect';
import type { RedisKeys } from '../queue/keys';
import { ABANDONED_AFTER_MS } from '../queue/sweep';
import { capacityOf, type Credential, credentialSchema, type Policy, type Scope } from './credential';
import { ENTER, FILL, HOLD, TAKE_LEASE } from './enter-script';

/** A credential row lives this long before the store is asked again. */
const CREDENTIAL_TTL_MS = 3600 * 1000;
const LEASE_MS = 10_000;
/** While a HOLD row stands the store is asked; longer than any store write may take. */
const HOLD_MS = 60_000;
const BODY_MEMO_SIZE = 10_000;

export interface Entry {
  cost: number;
  /** May be granted in part (several requests share the entry). */
  divisible: boolean;
  /** Chunks whose open markers are set when anything is granted. */
  chunkIds: ChunkId[];
}

/** What the door answered: who it is, what was granted, and the queue store's clock. */
export interface Admission {
  credential: Credential;
  /** The queue store's time; null when it could not be asked. */
  nowMs: number | null;
  /** Every event of this tenant received before it is settled; null when the queue store cannot tell. */
  settledBeforeMs: number | null;
  openChunks: number;
  budget: { policy: Policy; capacity: number; left: number } | null;
  /** Units granted to each entry, in order. */
  granted: number[];
}

export interface Door {
  /** One round trip for all entries of one key. Throws MirError (401, 403, 503). */
  enter(key: ParsedApiKey, policy: Policy, scope: Scope | null, entries: Entry[]): Promise<Admission>;
  /** Authority from the store alone, without budget: for reading while the queue store is away. */
  enterFromStore(key: ParsedApiKey, scope: Scope | null): Promise<Admission>;
  /** Runs a change of credentials so that no door, in any process, trusts a cached row of `keyHashes` meanwhile. */
  whileHeld<T>(tag: string, keyHashes: string[], change: () => Promise<T>): Promise<T>;
}

interface DoorCommands {
  mirEnter(numKeys: 3, ...args: (string | number)[]): Promise<[string, string, ...number[]]>;
  mirTakeLease(numKeys: 2, ...args: (string | number)[]): Promise<number>;
  mirFill(numKeys: 2, ...args: (string | number)[]): Promise<number>;
  mirHold(numKeys: 2, ...args: (string | number)[]): Promise<number>;
}

/**
 * `lookup` reads a credential from the store's primary by key hash; null when there is no such key. `onOldMarker`
 * hears of a tenant whose oldest open chunk may be abandoned.
 */
export function createDoor(deps: {
  link: RedisLink;
  keys: RedisKeys;
  lookup: (keyHash: string) => Promise<Credential | null>;
  onOldMarker?: (tenant: Tenant, nowMs: number) => void;
}): Door {
  const { link, keys, lookup, onOldMarker } = deps;
  const redis = link.client as RedisLink['client'] & DoorCommands;
  redis.defineCommand('mirEnter', { lua: ENTER });
  redis.defineCommand('mirTakeLease', { lua: TAKE_LEASE });
  redis.defineCommand('mirFill', { lua: FILL });
  redis.defineCommand('mirHold', { lua: HOLD });

  /** Parses a credential's text once; it says nothing of whether the key is still valid. */
  const bodies = new LRUCache<string, Credential>({ max: BODY_MEMO_SIZE });
  const parseBody = (body: string): Credential => {
    let credential = bodies.get(body);
    if (!credential) bodies.set(body, (credential = credentialSchema.parse(JSON.parse(body))));
    return credential;
  };

  const runIdNow = (): string => {
    const runId = link.runId();
    if (runId === null) throw overloaded('The queue store is not reachable. Nothing was stored; send it again.');
    return runId;
  };

  const loading = new Map<string, Promise<Credential>>();
  /** Reads the store and fills the slot under a lease. Concurrent misses of one key share the read. */
  const load = (key: ParsedApiKey): Promise<Credential> => {
    const running = loading.get(key.hash);
    if (running) return running;
    const work = (async () => {
      const slot = keys.credential(key.tag, key.hash);
      const lease = keys.credentialLease(key.tag, key.hash);
      const runId = runIdNow();
      const token = randomUUID();
      const leased = await redis.mirTakeLease(2, slot, lease, runId, token, LEASE_MS);
      const credential = await lookup(key.hash);
      if (!credential) throw unknownKey();
      if (leased === 1) {
        const row = [
          ['run', runId],
          ['body', JSON.stringify(credential)],
          ['blocked', credential.blocked ?? ''],
          ['scopes', ` ${credential.scopes.join(' ')} `],
          ['cap:events', credential.limits.eventsPerMinute],
          ['cap:requests', credential.limits.requestsPerMinute],
        ].flat();
        await redis.mirFill(2, slot, lease, token, CREDENTIAL_TTL_MS, ...row);
      }
      return credential;
    })().finally(() => loading.delete(key.hash));
    loading.set(key.hash, work);
    return work;
  };

  const call = async (
    key: ParsedApiKey,
    policy: Policy,
    scope: Scope | null,
    entries: Entry[],
    read: Credential | null,
  ): Promise<[string, string, ...number[]]> => {
    const args = entries.flatMap(({ cost, divisible, chunkIds }) => [cost, divisible ? 1 : 0, chunkIds.join(' ')]);
    try {
      return await redis.mirEnter(
        3,
        keys.credential(key.tag, key.hash),
        keys.budget(key.tag, key.env, policy),
        keys.openChunks(tenantOf(key.partnerId, key.env)),
        runIdNow(),
        policy,
        scope ?? '',
        read ? capacityOf(read, policy) : '',
        ...args,
      );
    } catch (error) {
      if (error instanceof MirError) throw error;
      throw overloaded(`The queue store does not answer (${messageOf(error)}). Send it again.`, 2, error);
    }
  };

  return {
    async enter(key, policy, scope, entries) {
      let read: Credential | null = null;
      let answer = await call(key, policy, scope, entries, null);
      if (answer[0] === 'MISS' || answer[0] === 'HOLD') {
        read = await load(key);
        refuseUnlessAllowed(read, scope);
        answer = await call(key, policy, scope, entries, read);
      }
      const [status, body, nowMs, lowestOpenMs, capacity, left, openChunks, ...granted] = answer;
      if (status === 'SCOPE') throw scopeMissing(scope);
      if (status === 'PARTNER_SUSPENDED') throw suspended();
      if (lowestOpenMs !== -1 && nowMs! - lowestOpenMs! > ABANDONED_AFTER_MS) {
        onOldMarker?.(tenantOf(key.partnerId, key.env), nowMs!);
      }
      if (status !== 'OK') throw new MirError('INTERNAL', 'The door gave an answer nobody knows.', { cause: status });
      return {
        credential: read ?? parseBody(body),
        nowMs: nowMs!,
        settledBeforeMs: lowestOpenMs === -1 ? nowMs! : lowestOpenMs!,
        openChunks: openChunks!,
        budget: { policy, capacity: capacity!, left: left! },
        granted,
      };
    },

    async enterFromStore(key, scope) {
      const credential = await lookup(key.hash);
      if (!credential) throw unknownKey();
      refuseUnlessAllowed(credential, scope);
      return { credential, nowMs: null, settledBeforeMs: null, openChunks: 0, budget: null, granted: [] };
    },

    async whileHeld(tag, keyHashes, change) {
      const slots = keyHashes.map((hash) => [keys.credential(tag, hash), keys.credentialLease(tag, hash)] as const);
      const runId = runIdNow();
      try {
        await Promise.all(slots.map(([slot, lease]) => redis.mirHold(2, slot, lease, runId, HOLD_MS)));
      } catch (error) {
        throw overloaded('The queue store does not answer, so nothing was changed. Try again.', 2, error);
      }
      try {
        return await change();
      } finally {
        // When this fails the HOLD rows stand until they expire, and the store is asked meanwhile: slow, never wrong.
        await Promise.all(slots.map(([slot, lease]) => redis.del(slot, lease))).catch(() => undefined);
      }
    },
  };
}

function refuseUnlessAllowed(credential: Credential, scope: Scope | null): void {
  if (credential.blocked === 'PARTNER_SUSPENDED') throw suspended();
  if (scope && !credential.scopes.includes(scope)) throw scopeMissing(scope);
}

function unknownKey(): MirError {
  return new MirError('API_KEY_INVALID', 'No such API key. It may have been rotated; use the newest one.');
}

function suspended(): MirError {
  return new MirError('PARTNER_SUSPENDED', 'The operator of this registry suspended the partner. Ask them why.');
}

function scopeMissing(scope: Scope | null): MirError {
  return new MirError('SCOPE_MISSING', `This API key lacks the scope ${scope ?? ''}.`);
}
