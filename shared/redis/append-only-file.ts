import type { RedisLink } from './link';
import type { RedisKeys } from './keys';

/**
 * The Redis servers whose append-only files can contain erased content. Both states are stored in the queue's Redis,
 * because the cache may evict keys.
 */
const FILE_ROLES = ['queue', 'cache'] as const;
export type FileRole = (typeof FILE_ROLES)[number];

/** What MIR knows about the append-only file of a server. Times are in ms since the epoch. */
export interface FileState {
  /** Time of the first erasure since the last rewrite started. Null if there was none. */
  erasedSince: number | null;
  /** `erasedSince` at the start of the current rewrite, until the rewrite is known to have succeeded. */
  rewriting: number | null;
  /** When MIR last started a rewrite. */
  startedAt: number | null;
  /** `run_id` of the server, and its number of rewrites, when MIR last started a rewrite. */
  runId: string;
  rewritesBefore: number;
  /** Start of the last rewrite that succeeded. */
  rewrittenAt: number | null;
  /** When the server last rejected BGREWRITEAOF. Null if it has accepted the command since. */
  rejectedAt: number | null;
}

type Link = Pick<RedisLink, 'client'>;

/**
 * Records that content was deleted from Redis, so that a worker rewrites the append-only files. Call this after the
 * deletion.
 */
export async function recordErasedContent({ client }: Link, keys: RedisKeys, nowMs: number): Promise<void> {
  await Promise.all(FILE_ROLES.map((role) => client.hsetnx(keys.appendOnlyFile(role), 'erasedSince', nowMs)));
}

export async function readFileState({ client }: Link, keys: RedisKeys, role: FileRole): Promise<FileState> {
  const fields = await client.hgetall(keys.appendOnlyFile(role));
  const time = (name: keyof FileState): number | null => (fields[name] === undefined ? null : Number(fields[name]));
  return {
    erasedSince: time('erasedSince'),
    rewriting: time('rewriting'),
    startedAt: time('startedAt'),
    runId: fields['runId'] ?? '',
    rewritesBefore: time('rewritesBefore') ?? 0,
    rewrittenAt: time('rewrittenAt'),
    rejectedAt: time('rejectedAt'),
  };
}

/** Changes fields of a state in one transaction. Null deletes a field. */
export async function changeFileState(
  { client }: Link,
  keys: RedisKeys,
  role: FileRole,
  changes: Partial<FileState>,
): Promise<void> {
  const key = keys.appendOnlyFile(role);
  const transaction = client.multi();
  for (const [field, value] of Object.entries(changes)) {
    if (value === null) transaction.hdel(key, field);
    else transaction.hset(key, field, value);
  }
  await transaction.exec();
}

/** Returns the time of the first erasure whose content may still be in the file, or null if there is none. */
export function oldestErasure({ erasedSince, rewriting }: FileState): number | null {
  return rewriting ?? erasedSince;
}
