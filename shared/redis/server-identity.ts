import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { readInfo } from './info';

/**
 * A server that has been unused for this long gets a new epoch, because the processes that used it may have written to
 * another server in the meantime.
 */
const TOKEN_TTL_MS = 60_000;
/**
 * Remaining TTL below which a process renews the token. Renewals must be rare, because a write blocks later reads on
 * the connection while the server pauses writes during a failover.
 */
const RENEW_BELOW_MS = 30_000;
const RUN_ID_CHARS = 12;
const EPOCH_CHARS = 16;

export interface ServerIdentity {
  runId: string;
  /**
   * `run_id` and `master_replid`. Redis changes the latter whenever it promotes a replica, so a server that becomes
   * primary again has a new identity even if its process never restarted.
   */
  serverId: string;
  isReplica: boolean;
  connectedReplicas: number;
}

/** Reads the server's identity in one round trip. Throws if the server does not report a run ID. */
export async function readServerIdentity(client: Redis): Promise<ServerIdentity> {
  const info = await readInfo(client, 'server', 'replication');
  const runId = info('run_id').slice(0, RUN_ID_CHARS);
  if (runId === '') throw new Error('the server does not report a run_id');
  const serverId = `${runId}:${info('master_replid')}`;
  const role = info('role');
  const isReplica = role !== '' && role !== 'master';
  return { runId, serverId, isReplica, connectedReplicas: Number(info('connected_slaves')) };
}

/**
 * Returns the server's epoch token, which all processes share, and renews it if it is about to expire. Sets the token
 * to `proposed` if there is none or if `replace` is true. Usually performs only reads.
 */
export async function agreeOnToken(
  client: Redis,
  key: string,
  proposed: string,
  { replace }: { replace: boolean },
): Promise<string> {
  if (replace) await client.set(key, proposed, 'PX', TOKEN_TTL_MS);
  const [held, leftMs] = await Promise.all([client.get(key), client.pttl(key)]);
  if (held !== null) {
    // If this fails, the next check or another process renews the token.
    if (leftMs < RENEW_BELOW_MS) client.pexpire(key, TOKEN_TTL_MS).catch(() => undefined);
    return held;
  }
  await client.set(key, proposed, 'PX', TOKEN_TTL_MS, 'NX');
  const token = await client.get(key);
  if (token === null) throw new Error('the server did not store the epoch token');
  return token;
}

/** Returns the ID of an epoch, which is part of each cached row. */
export function epochOf({ serverId }: ServerIdentity, token: string): string {
  return createHash('sha256').update(`${serverId}:${token}`).digest('base64url').slice(0, EPOCH_CHARS);
}
