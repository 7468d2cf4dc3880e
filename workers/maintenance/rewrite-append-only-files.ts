import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import { changeFileState, type FileRole, type FileState, readFileState } from '../../shared/redis/append-only-file';
import type { RedisLink } from '../../shared/redis/link';
import { readInfo } from '../../shared/redis/info';
import type { RedisKeys } from '../../shared/redis/keys';

/** Minimum time between two rewrites that MIR starts. A rewrite forks the server and writes all of its data. */
export const MIN_REWRITE_INTERVAL_MS = 60 * 60_000;
/** How often MIR tries again after the server rejected the command, in case its permissions have changed. */
export const REJECTED_RETRY_MS = 24 * 60 * 60_000;

/** Errors from a server that never runs BGREWRITEAOF for this user, such as a managed server. */
export const REJECTION = /NOPERM|unknown command|disabled|not allowed|not supported/i;

interface Deps {
  /** Stores the state of both files. */
  queueLink: RedisLink;
  keys: RedisKeys;
  log: Log;
}

/** One server, or those of a cluster, whose files are rewritten together. */
interface Role {
  role: FileRole;
  link: Pick<RedisLink, 'servers'>;
}

/** Facts about the append-only files of a role. */
interface Files {
  /** Identifies the servers and their current runs. */
  runId: string;
  /** True while another rewrite or save is running or scheduled. A second fork could run out of memory. */
  forking: boolean;
  /** Number of files, and of rewrites in all runs. */
  count: number;
  rewrites: number;
  lastRewriteSucceeded: boolean;
}

const FORKING = ['aof_rewrite_in_progress', 'aof_rewrite_scheduled', 'rdb_bgsave_in_progress'];

/** Returns null if no server has an append-only file. */
async function readFiles({ link }: Role): Promise<Files | null> {
  const infos = await Promise.all(link.servers().map((server) => readInfo(server, 'server', 'persistence')));
  const withFile = infos.filter((info) => info('aof_enabled') === '1');
  if (withFile.length === 0) return null;
  return {
    runId: withFile
      .map((info) => info('run_id'))
      .toSorted()
      .join(' '),
    forking: withFile.some((info) => FORKING.some((field) => info(field) === '1')),
    count: withFile.length,
    rewrites: withFile.reduce((sum, info) => sum + Number(info('aof_rewrites')), 0),
    lastRewriteSucceeded: withFile.every((info) => info('aof_last_bgrewrite_status') === 'ok'),
  };
}

/** Records the result of the last rewrite. A rewrite that the server did not start or finish is repeated. */
async function finishRewrite(deps: Deps, { role }: Role, state: FileState, files: Files): Promise<void> {
  const { queueLink, keys, log } = deps;
  const succeeded =
    state.runId === files.runId && files.rewrites >= state.rewritesBefore + files.count && files.lastRewriteSucceeded;
  if (succeeded) {
    await changeFileState(queueLink, keys, role, { rewriting: null, rewrittenAt: state.startedAt, rejectedAt: null });
    log.info({ role }, 'append-only file rewritten after erasures');
    return;
  }
  await changeFileState(queueLink, keys, role, { rewriting: null, erasedSince: state.rewriting });
  log.warn({ role }, 'append-only file rewrite failed, retrying');
}

async function startRewrite(
  deps: Deps,
  { role, link }: Role,
  { erasedSince }: FileState,
  { runId, rewrites }: Files,
  nowMs: number,
): Promise<void> {
  const { queueLink, keys, log } = deps;
  // Moves `erasedSince` before the rewrite starts, so that an erasure during the rewrite causes another one.
  const started = { rewriting: erasedSince, erasedSince: null, startedAt: nowMs, runId };
  await changeFileState(queueLink, keys, role, { ...started, rewritesBefore: rewrites });
  try {
    await Promise.all(link.servers().map((server) => server.bgrewriteaof()));
  } catch (error) {
    // After any other error, the next run finds out whether the rewrite has started.
    if (!REJECTION.test(messageOf(error))) throw error;
    await changeFileState(queueLink, keys, role, { rewriting: null, erasedSince, rejectedAt: nowMs });
    log.warn(
      { role, err: messageOf(error) },
      'the Redis server rejects BGREWRITEAOF, so erased content stays in its append-only file. ' +
        'Allow the command, or rewrite the file yourself after erasures',
    );
  }
}

/**
 * Rewrites the append-only files of servers from which content was erased since the last rewrite, because they contain
 * every command until then. Call this regularly, in one process at a time.
 */
export async function rewriteAppendOnlyFiles(deps: Deps, roles: readonly Role[], nowMs: number): Promise<void> {
  for (const role of roles) {
    const files = await readFiles(role);
    if (files === null || files.forking) continue;
    const state = await readFileState(deps.queueLink, deps.keys, role.role);
    if (state.rewriting !== null) {
      await finishRewrite(deps, role, state, files);
      continue;
    }
    const { erasedSince, startedAt, rejectedAt } = state;
    const isDue = nowMs - (startedAt ?? 0) >= MIN_REWRITE_INTERVAL_MS && nowMs - (rejectedAt ?? 0) >= REJECTED_RETRY_MS;
    if (erasedSince !== null && isDue) await startRewrite(deps, role, state, files, nowMs);
  }
}
