import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';

/**
 * A server that no process has used for this long gets a new epoch: processes that used it before may have worked on
 * another server meanwhile, and may be gone.
 */
const TOKEN_TTL_MS = 60_000;
/** Seldom: while a server's writes are paused, as in a failover, a write keeps the reads of its connection waiting. */
const RENEW_BELOW_MS = 30_000;
const RUN_ID_CHARS = 12;
const EPOCH_CHARS = 16;

export interface ServerIdentity {
  runId: string;
  /**
   * `run_id` and `master_replid`. Redis changes the latter whenever a replica is promoted, so a server that is a primary
   * again after a failover has another identity, though its process never ended.
   */
  serverId: string;
  isReplica: boolean;
}

const fieldOf = (info: string, name: string): string => new RegExp(`^${name}:(\\w+)`, 'm').exec(info)?.[1] ?? '';

/** Reads the identity of the server, in one round trip. Throws when it reports no run id. */
export async function readServerIdentity(client: Redis): Promise<ServerIdentity> {
  // Redis before 7.0 takes one section a call.
  const info = (await Promise.all([client.info('server'), client.info('replication')])).join('\n');
  const runId = fieldOf(info, 'run_id').slice(0, RUN_ID_CHARS);
  if (runId === '') throw new Error('this server reports no run_id');
  const serverId = `${runId}:${fieldOf(info, 'master_replid')}`;
  return { runId, serverId, isReplica: /^role:(?!master)/m.test(info) };
}

/**
 * Agrees with the other processes on the token of a server's epoch, renews it and returns it. `proposed` becomes the
 * token if the server holds none, or in any case with `replace`. Only reading is needed where a token is to be kept.
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
    // Where this fails, the next look or another process renews it.
    if (leftMs < RENEW_BELOW_MS) client.pexpire(key, TOKEN_TTL_MS).catch(() => undefined);
    return held;
  }
  await client.set(key, proposed, 'PX', TOKEN_TTL_MS, 'NX');
  const token = await client.get(key);
  if (token === null) throw new Error('the epoch token was not kept');
  return token;
}

/** The name of an epoch, which rows are tagged with. */
export function epochOf({ serverId }: ServerIdentity, token: string): string {
  return createHash('sha256').update(`${serverId}:${token}`).digest('base64url').slice(0, EPOCH_CHARS);
}
