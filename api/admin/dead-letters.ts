import type { Job } from 'bullmq';
import { type Env, envOf, partnerOf } from '../../shared/domain/ids';
import { MirError } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import { failedJobs, isFailed, queueKeys } from '../../shared/queue/bullmq-internals';
import { DEAD_LETTER_AGE_SECONDS } from '../../shared/queue/define-queue';
import { findEventShards, type ShardQueue, shardQueues } from '../../shared/queue/event-shards';
import type { DeadLetterQueue } from '../../shared/queue/queues';
import type { ApiContext } from '../context';
import { type AuditContext, auditEntry } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { readCursor, encryptCursor } from '../http/paging';
import { DEAD_LETTER_KINDS } from './dead-letter-kinds';
import { presentFailure } from './present-failure';
import { shapeOf } from './shape-of';

const MAX_REASON_LENGTH = 500;

export type DeadLetterDeps = Pick<ApiContext, 'store' | 'secrets' | 'keys' | 'queueLink' | 'queues'>;

/** A job that failed permanently, without its payload. Facts that cannot be read from a malformed payload are null. */
export interface DeadLetter {
  id: string;
  queue: DeadLetterQueue;
  partnerId: string | null;
  env: Env | null;
  events: number | null;
  receivedAt: string | null;
  failedAt: string;
  /** When MIR may delete the dead letter because of its age. */
  expiresAt: string;
  attempts: number;
  failedReason: string;
}

/**
 * A dead letter with its `shape` (the payload's fields and types) and its `problems` (the validation errors). Neither
 * contains any values.
 */
export interface DeadLetterDetail extends DeadLetter {
  shape: unknown;
  problems: { path: string; message: string }[];
}

interface Found {
  queue: DeadLetterQueue;
  shard: number;
  job: Job;
}

function queueUnavailable(cause: unknown): PublicError {
  return new PublicError('OVERLOADED', 'The queue did not respond. Retry the request.', {
    retryAfterSeconds: 2,
    cause,
  });
}

async function fromQueue<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    throw queueUnavailable(error);
  }
}

function factsOf({ queue, job }: Found): Pick<DeadLetter, 'partnerId' | 'env' | 'events' | 'receivedAt'> {
  const { tenant, events, receivedAtMs } = DEAD_LETTER_KINDS[queue].facts(job.data);
  return {
    partnerId: tenant && partnerOf(tenant),
    env: tenant && envOf(tenant),
    events,
    receivedAt: receivedAtMs === null ? null : new Date(receivedAtMs).toISOString(),
  };
}

function present(found: Found): DeadLetter {
  const { queue, job } = found;
  const failedAtMs = job.finishedOn ?? job.timestamp;
  return {
    id: job.id!,
    queue,
    ...factsOf(found),
    failedAt: new Date(failedAtMs).toISOString(),
    expiresAt: new Date(failedAtMs + DEAD_LETTER_AGE_SECONDS * 1_000).toISOString(),
    attempts: job.attemptsMade,
    failedReason: presentFailure(job.failedReason ?? '').slice(0, MAX_REASON_LENGTH),
  };
}

interface DeadLetterPosition {
  queue: DeadLetterQueue;
  shard: number;
  id: string;
  atMs: number;
}

/** Returns the queue, ID and failure time of every dead letter, newest first. Each queue keeps at most 1,000. */
async function findDeadLetters(
  { keys, queueLink }: DeadLetterDeps,
  only?: DeadLetterQueue,
): Promise<DeadLetterPosition[]> {
  const positionsIn = async ({ queue, shard }: ShardQueue): Promise<DeadLetterPosition[]> => {
    const failed = await fromQueue(failedJobs(queueLink.client, queueKeys(keys, queue, shard)));
    return failed.map((job) => ({ queue, shard, ...job }));
  };
  const kept = shardQueues(await fromQueue(findEventShards(queueLink, keys)));
  const all = await Promise.all(kept.filter(({ queue }) => !only || queue === only).map(positionsIn));
  return all.flat().sort((a, b) => b.atMs - a.atMs || (a.id < b.id ? 1 : -1));
}

async function find({ queues, keys, queueLink }: DeadLetterDeps, id: string): Promise<Found | null> {
  for (const { queue, shard } of shardQueues(await fromQueue(findEventShards(queueLink, keys)))) {
    // Check the failed set first, because an arbitrary ID could name one of the queue's internal keys.
    if (!(await fromQueue(isFailed(queueLink.client, queueKeys(keys, queue, shard), id)))) continue;
    const job = await fromQueue(queues.ofShard(queue, shard).getJob(id));
    if (job) return { queue, shard, job: job as Job };
  }
  return null;
}

function notFound(): PublicError {
  return new PublicError(
    'NOT_FOUND',
    'Dead letter not found. It may have been replayed or dropped, or it may have expired.',
  );
}

async function read(deps: DeadLetterDeps, id: string): Promise<Found> {
  const found = await find(deps, id);
  if (!found) throw notFound();
  return found;
}

/** Returns a page of dead letters, newest first. */
export async function listDeadLetters(
  deps: DeadLetterDeps,
  query: { limit: number; cursor?: string | undefined; queue?: DeadLetterQueue | undefined },
): Promise<{ data: DeadLetter[]; nextCursor: string | null }> {
  const key = deps.secrets.cursor;
  const after = readCursor(key, 'admin', query.cursor);
  const all = await findDeadLetters(deps, query.queue);
  const rest = after ? all.filter(({ atMs, id }) => atMs < after.atMs || (atMs === after.atMs && id < after.id)) : all;
  const page = rest.slice(0, query.limit);
  const jobs = await fromQueue(
    Promise.all(page.map(({ queue, shard, id }) => deps.queues.ofShard(queue, shard).getJob(id))),
  );
  const last = page.at(-1);
  return {
    data: jobs.flatMap((job, n) => (job ? [present({ ...page[n]!, job: job as Job })] : [])),
    nextCursor: rest.length > page.length && last ? encryptCursor(key, 'admin', [last.atMs, last.id]) : null,
  };
}

/** Returns one dead letter with the shape of its payload. Throws 404 if it does not exist. */
export async function showDeadLetter(deps: DeadLetterDeps, id: string): Promise<DeadLetterDetail> {
  const found = await read(deps, id);
  const { definition } = DEAD_LETTER_KINDS[found.queue];
  const { fields } = definition;
  const parsed = definition.safeParse(found.job.data);
  const problems = (parsed.success ? [] : parsed.error.issues).map(({ path, message }) => ({
    path: path.map((part) => (typeof part === 'number' || fields.has(String(part)) ? String(part) : '…')).join('.'),
    message,
  }));
  return { ...present(found), shape: shapeOf(found.job.data, fields), problems };
}

/**
 * Writes the audit entry for a replay or drop. Call this before changing the queue: every change must have an audit
 * entry, and an entry for a change that then fails is harmless, because the change can be retried.
 */
async function auditAction(
  { store }: DeadLetterDeps,
  found: Found,
  action: string,
  auditContext: AuditContext,
  reason?: string,
): Promise<void> {
  const { tenant } = DEAD_LETTER_KINDS[found.queue].facts(found.job.data);
  const { env, events } = factsOf(found);
  const entry = auditEntry(auditContext, {
    partnerId: tenant && partnerOf(tenant),
    tenant,
    action,
    target: found.job.id!,
    reason,
    before: { queue: found.queue, env, events, attempts: found.job.attemptsMade },
  });
  await transaction({ store }, (session) => store.audit.append(entry, session));
}

const QUEUED_STATES = new Set<string>(['waiting', 'prioritized', 'active', 'delayed']);

async function isQueued({ queues, keys, queueLink }: DeadLetterDeps, id: string): Promise<boolean> {
  const all = shardQueues(await fromQueue(findEventShards(queueLink, keys)));
  const states = await fromQueue(
    Promise.all(all.map(({ queue, shard }) => queues.ofShard(queue, shard).getJobState(id))),
  );
  return states.some((state) => QUEUED_STATES.has(state));
}

/**
 * Requeues a dead letter and resets its attempt count. Events that an earlier attempt stored are not stored again. Also
 * returns `QUEUED` if the job is already queued. Throws 404 if the dead letter does not exist.
 */
export async function replayDeadLetter(
  deps: DeadLetterDeps,
  id: string,
  auditContext: AuditContext,
): Promise<{ id: string; status: 'QUEUED' }> {
  const queued = { id, status: 'QUEUED' } as const;
  const found = await find(deps, id);
  if (!found) {
    if (await isQueued(deps, id)) return queued;
    throw notFound();
  }
  await auditAction(deps, found, 'dead-letter.replayed', auditContext);
  await fromQueue(DEAD_LETTER_KINDS[found.queue].beforeReplay(deps, found.job, found.shard, auditContext.at.getTime()));
  try {
    // `attemptsStarted` is not reset, so the worker also refreshes users whose events an earlier attempt may have
    // committed.
    await found.job.retry('failed', { resetAttemptsMade: true });
  } catch (error) {
    // A concurrent replay or drop may have removed the dead letter.
    if (await isQueued(deps, id)) return queued;
    await read(deps, id);
    throw queueUnavailable(error);
  }
  return queued;
}

/** Replays all current dead letters, oldest first. Skips any that are replayed or dropped in the meantime. */
export async function replayAllDeadLetters(
  deps: DeadLetterDeps,
  auditContext: AuditContext,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<{ replayed: number }> {
  const all = (await findDeadLetters(deps)).reverse();
  let replayed = 0;
  for (const [n, { id }] of all.entries()) {
    try {
      await replayDeadLetter(deps, id, auditContext);
      replayed += 1;
    } catch (error) {
      if (!(error instanceof MirError) || error.code !== 'NOT_FOUND') throw error;
    }
    onProgress(n + 1, all.length);
  }
  return { replayed };
}

/**
 * Permanently deletes a dead letter. Its events stay FAILED in the receipt. The audit log contains the reason, if any.
 * Throws 404 if it does not exist.
 */
export async function dropDeadLetter(
  deps: DeadLetterDeps,
  id: string,
  auditContext: AuditContext,
  reason?: string,
): Promise<{ id: string; status: 'DROPPED' }> {
  const found = await read(deps, id);
  await auditAction(deps, found, 'dead-letter.dropped', auditContext, reason);
  await fromQueue(found.job.remove());
  await fromQueue(DEAD_LETTER_KINDS[found.queue].afterDrop(deps, found.job, found.shard));
  return { id, status: 'DROPPED' };
}
