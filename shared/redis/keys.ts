import type { Env, IdentityRef, Tenant } from '../domain/ids';
import { envOf, partnerOf, tagOf } from '../domain/ids';

/** Redis keys by role. What stands in braces is the Cluster hash tag: keys that one script touches share it. */
export function redisKeys(keyspace: string) {
  const p = keyspace;
  return {
    /** BullMQ's prefix of a queue; BullMQ adds `:<queue>:…`. */
    queuePrefix: (queue: string) => `{${p}-${queue}}`,
    credential: (tag: string, keyHash: string) => `${p}:{${tag}}:credential:${keyHash}`,
    credentialLease: (tag: string, keyHash: string) => `${p}:{${tag}}:credential-lease:${keyHash}`,
    /** `id` '' gives the prefix that the authorization script completes. */
    node: (tag: string, id: string) => `${p}:{${tag}}:node:${id}`,
    nodeLease: (tag: string, id: string) => `${p}:{${tag}}:node-lease:${id}`,
    /** Prefix of the budgets of one environment and policy; a node's id completes it. */
    budget: (tag: string, env: Env, policy: string) => `${p}:{${tag}}:${env}:budget:${policy}:`,
    openChunks: (tenant: Tenant) => `${p}:{${tagOf(partnerOf(tenant))}}:${envOf(tenant)}:open-chunks`,
    reservations: (queue: string) => `${p}:{${p}-${queue}}:ledger`,
    reservedBytes: (queue: string) => `${p}:{${p}-${queue}}:ledger-bytes`,
    partitionLock: (partition: number) => `${p}:{partitions}:lock:${partition}`,
    sealerLock: (chain: string) => `${p}:{audit}:sealer:${chain}`,
    /** Serializes the changes of one subject (an agent tree, a partner). The names in Redis are of an earlier version. */
    lockQueue: (subject: string) => `${p}:{turn-${subject}}:line`,
    lockSessions: (subject: string) => `${p}:{turn-${subject}}:names`,
    lockHeartbeat: (subject: string, name: string) => `${p}:{turn-${subject}}:alive:${name}`,
    fsyncProbe: () => `${p}:{fsync}:probe`,
    /** Where the processes on a server agree on its epoch. */
    epochToken: () => `${p}:{epoch}:token`,
    /** Cache role. The server's run id is part of the key: what a restarted server still holds is never read. */
    signals: (partition: number, run: string, userRef: string) => `${p}:{s${partition}}:${run}:signals:${userRef}`,
    signalsLease: (partition: number, run: string, userRef: string) => `${p}:{s${partition}}:${run}:lease:${userRef}`,
    identity: (run: string, ref: IdentityRef) => `${p}:{${ref}}:${run}:identity`,
    identityLease: (run: string, ref: IdentityRef) => `${p}:{${ref}}:${run}:lease`,
    forgottenMails: (addressHash: string) => `${p}:forgotten-mails:${addressHash}`,
    knownBrowser: (browserHash: string) => `${p}:known-browser:${browserHash}`,
    endedOperatorSession: (nonce: string) => `${p}:operator-session-ended:${nonce}`,
    throttle: (what: string) => `${p}:throttle:${what}`,
  };
}

export type RedisKeys = ReturnType<typeof redisKeys>;
