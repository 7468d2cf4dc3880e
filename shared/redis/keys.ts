import type { Env, IdentityRef, Tenant } from '../domain/ids';
import { envOf, partnerOf, tagOf } from '../domain/ids';

/** Returns the part of a key that determines its slot in a Redis Cluster. */
function hashTagOf(key: string): string {
  return /\{([^}]+)\}/.exec(key)?.[1] ?? key;
}

/**
 * Builds every Redis key. The part in braces is the Redis Cluster hash tag. All keys used by one script have the same
 * tag.
 */
export function redisKeys(keyspace: string) {
  const p = keyspace;
  return {
    /** Prefix for BullMQ, which appends `:<queue>:…`. */
    queuePrefix: (queue: string) => `{${p}-${queue}}`,
    credential: (tag: string, keyHash: string) => `${p}:{${tag}}:credential:${keyHash}`,
    credentialLease: (tag: string, keyHash: string) => `${p}:{${tag}}:credential-lease:${keyHash}`,
    /** With an empty `id`, returns the prefix to which authorize.lua appends node IDs. */
    node: (tag: string, id: string) => `${p}:{${tag}}:node:${id}`,
    nodeLease: (tag: string, id: string) => `${p}:{${tag}}:node-lease:${id}`,
    /** Prefix to which authorize.lua appends node IDs. */
    budget: (tag: string, env: Env, policy: string) => `${p}:{${tag}}:${env}:budget:${policy}:`,
    /** The clock that both environments of a partner share. lib/partner-clock.lua documents it. */
    clock: (tag: string) => `${p}:{${tag}}:clock`,
    openChunks: (tenant: Tenant) => `${p}:{${tagOf(partnerOf(tenant))}}:${envOf(tenant)}:open-chunks`,
    /** A tenant's finalized chunks whose jobs may still exist, by the time when they were finalized. */
    finalizedChunks: (tenant: Tenant) => `${p}:{${tagOf(partnerOf(tenant))}}:${envOf(tenant)}:finalized-chunks`,
    /** The bytes of queued events. reserve-bytes.lua documents these keys. */
    reservations: () => `${p}:{${p}-events}:ledger`,
    reservedBytes: () => `${p}:{${p}-events}:ledger-bytes`,
    partnerBytes: () => `${p}:{${p}-events}:ledger-partners`,
    bulkFinishes: () => `${p}:{${p}-events}:ledger-finishes`,
    bulkClock: () => `${p}:{${p}-events}:ledger-clock`,
    reservationSweep: () => `${p}:{${p}-events}:ledger-sweep`,
    reservationCursor: () => `${p}:{${p}-events}:ledger-cursor`,
    partitionLock: (partition: string) => `${p}:{partitions}:lock:${partition}`,
    sealerLock: (chain: string) => `${p}:{audit}:sealer:${chain}`,
    /**
     * Orders the changes to one subject, such as an agent tree or a partner. The key names date from an earlier
     * version.
     */
    lockQueue: (subject: string) => `${p}:{turn-${subject}}:line`,
    lockSessions: (subject: string) => `${p}:{turn-${subject}}:names`,
    /** With an empty `name`, returns the prefix to which register-session.lua appends session names. */
    lockHeartbeat: (subject: string, name: string) => `${p}:{turn-${subject}}:alive:${name}`,
    /** State of the append-only file of a server, and the lock of the worker that rewrites it. */
    appendOnlyFile: (role: string) => `${p}:{aof}:file:${role}`,
    appendOnlyFileSweep: () => `${p}:{aof}:sweep`,
    fsyncProbe: () => `${p}:{fsync}:probe`,
    /** A probe on the server that has another key. */
    fsyncProbeBeside: (key: string) => `${p}:{${hashTagOf(key)}}:fsync-probe`,
    /** Contains the token that processes use to agree on the server's epoch. */
    epochToken: () => `${p}:{epoch}:token`,
    /** Cached rows. The key contains the server's run ID, so rows from before a restart are never read. */
    signals: (partition: number, run: string, userRef: string) => `${p}:{s${partition}}:${run}:signals:${userRef}`,
    signalsLease: (partition: number, run: string, userRef: string) => `${p}:{s${partition}}:${run}:lease:${userRef}`,
    identity: (run: string, ref: IdentityRef) => `${p}:{${ref}}:${run}:identity`,
    identityLease: (run: string, ref: IdentityRef) => `${p}:{${ref}}:${run}:lease`,
    knownBrowser: (browserHash: string) => `${p}:known-browser:${browserHash}`,
    endedOperatorSession: (nonce: string) => `${p}:operator-session-ended:${nonce}`,
    throttle: (what: string) => `${p}:throttle:${what}`,
  };
}

export type RedisKeys = ReturnType<typeof redisKeys>;
