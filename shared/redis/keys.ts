import { createHash } from 'node:crypto';
import type { Env, IdentityRef, Tenant } from '../domain/ids';
import { envOf, partnerOf, tagOf } from '../domain/ids';

/** Returns the part of a key that determines its slot in a Redis Cluster. */
function hashTagOf(key: string): string {
  return /\{([^}]+)\}/.exec(key)?.[1] ?? key;
}

/**
 * Returns the shard of a tenant's events. Both environments of a partner have the same shard, because they share the
 * partner's part of the queue.
 */
function shardOf(tenant: Tenant, shards: number): number {
  if (shards === 1) return 0;
  return createHash('sha256').update(partnerOf(tenant)).digest().readUInt32BE(0) % shards;
}

/**
 * Builds every Redis key. The part in braces is the Redis Cluster hash tag. All keys used by one script have the same
 * tag. `eventShards` is the number of shards that new events are spread over.
 */
export function redisKeys(keyspace: string, eventShards = 1) {
  const p = keyspace;
  const queuePrefix = (queue: string, shard = 0): string => `{${p}-${queue}${shard === 0 ? '' : `-${shard}`}}`;
  /** The ledger shares its slot with the interactive lane of its shard. */
  const ledger = (shard: number, part: string): string => {
    const tag = queuePrefix('events', shard);
    return `${p}:${tag}:ledger${part}`;
  };
  return {
    eventShards,
    /** The shard for a tenant's new events. Earlier events may be in another one, if the number of shards has changed. */
    eventShardOf: (tenant: Tenant) => shardOf(tenant, eventShards),
    /** Prefix for BullMQ, which appends `:<queue>:…`. Only the event queues have more than one shard. */
    queuePrefix,
    credential: (tag: string, keyHash: string) => `${p}:{${tag}}:credential:${keyHash}`,
    credentialLease: (tag: string, keyHash: string) => `${p}:{${tag}}:credential-lease:${keyHash}`,
    /** With an empty `id`, returns the prefix to which authorize.lua appends node IDs. */
    node: (tag: string, id: string) => `${p}:{${tag}}:node:${id}`,
    /** When an agent or one of its descendants was last active, in ms. Exists only below an idle limit. */
    nodeSeen: (tag: string, id: string) => `${p}:{${tag}}:node:${id}:seen`,
    nodeLease: (tag: string, id: string) => `${p}:{${tag}}:node-lease:${id}`,
    /** Prefix to which authorize.lua appends node IDs. */
    budget: (tag: string, env: Env, policy: string) => `${p}:{${tag}}:${env}:budget:${policy}:`,
    /** The clock that both environments of a partner share. lib/partner-clock.lua documents it. */
    clock: (tag: string) => `${p}:{${tag}}:clock`,
    /**
     * A tenant's usage in one hour since 1970, or the set of the hours that are not yet stored. With an empty `part`,
     * returns the prefix of both, which lib/usage.lua documents.
     */
    usage: (tenant: Tenant, part: number | 'hours' | '') =>
      `${p}:{${tagOf(partnerOf(tenant))}}:${envOf(tenant)}:usage:${part}`,
    /** Lock of the worker that looks for expired agents. */
    expirySweep: () => `${p}:{expiry}:sweep`,
    /** Lock of the worker that stores usage. */
    usageSweep: () => `${p}:{usage}:sweep`,
    openChunks: (tenant: Tenant) => `${p}:{${tagOf(partnerOf(tenant))}}:${envOf(tenant)}:open-chunks`,
    /** A tenant's finalized chunks whose jobs may still exist, by the time when they were finalized. */
    finalizedChunks: (tenant: Tenant) => `${p}:{${tagOf(partnerOf(tenant))}}:${envOf(tenant)}:finalized-chunks`,
    /** The bytes of the queued events of a shard. reserve-bytes.lua documents these keys. */
    reservations: (shard: number) => ledger(shard, ''),
    reservedBytes: (shard: number) => ledger(shard, '-bytes'),
    partnerBytes: (shard: number) => ledger(shard, '-partners'),
    bulkFinishes: (shard: number) => ledger(shard, '-finishes'),
    bulkClock: (shard: number) => ledger(shard, '-clock'),
    reservationCursor: (shard: number) => ledger(shard, '-cursor'),
    /** Lock of the worker that sweeps the reservations of all shards. */
    reservationSweep: () => ledger(0, '-sweep'),
    partitionLock: (partition: string) => `${p}:{partitions}:lock:${partition}`,
    chainChecks: () => `${p}:{audit}:checks`,
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
