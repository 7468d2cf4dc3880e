import type { Job } from 'bullmq';
import { z } from 'zod';
import type { ChunkId, Env, Tenant } from '../../shared/domain/ids';
import { envOf, partnerOf } from '../../shared/domain/ids';
import { MirError, messageOf, overloaded } from '../../shared/platform/errors';
import { settleChunks } from '../../shared/queue/enqueue';
import { decodeChunk, eventChunkSchema, QUEUES } from '../../shared/queue/jobs';
import { holdBytes } from '../../shared/queue/ledger';
import type { ApiContext } from '../context';
import { type Act, auditEntry } from '../audit/act';
import { inTransaction } from '../partners/from-store';
import { readCursor, signCursor } from '../http/page';
import { shapeOf } from './shape-of';

const MAX_REASON_LENGTH = 500;

export type DeadLetterDeps = Pick<ApiContext, 'store' | 'secrets' | 'keys' | 'queueLink' | 'eventQueue'>;

/** An events job that workers gave up, without its payload. Null: the payload is too broken to tell. */
export interface DeadLetter {
  id: string;
  partnerId: string | null;
  env: Env | null;
  events: number | null;
  receivedAt: string | null;
  failedAt: string | null;
  attempts: number;
  failedReason: string;
}

/** `shape` has the payload's fields and types, `problems` why it could not be read; neither holds a value. */
export interface DeadLetterDetail extends DeadLetter {
  shape: unknown;
  problems: { path: string; message: string }[];
}

const factsSchema = z.object({
  tenant: z
    .string()
    .regex(/^prt_[a-z0-9]+:(live|test)$/)
    .transform((tenant) => tenant as Tenant)
    .nullable()
    .catch(null),
  events: z.array(z.unknown()).nullable().catch(null),
  receivedAtMs: z.number().int().min(0).max(8.64e15).nullable().catch(null),
});

async function fromQueue<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw overloaded(`The queue store does not answer (${messageOf(error)}). Try again.`, 2, error);
  }
}

function factsOf(job: Job): z.output<typeof factsSchema> {
  const facts = factsSchema.safeParse(job.data);
  return facts.success ? facts.data : { tenant: null, events: null, receivedAtMs: null };
}

function present(job: Job): DeadLetter {
  const { tenant, events, receivedAtMs } = factsOf(job);
  return {
    id: job.id!,
    partnerId: tenant && partnerOf(tenant),
    env: tenant && envOf(tenant),
    events: events && events.length,
    receivedAt: receivedAtMs === null ? null : new Date(receivedAtMs).toISOString(),
    failedAt: job.finishedOn === undefined ? null : new Date(job.finishedOn).toISOString(),
    attempts: job.attemptsMade,
    failedReason: (job.failedReason ?? '').slice(0, MAX_REASON_LENGTH),
  };
}

/** Ids and failing times, newest first. Workers keep at most a thousand. */
async function failedIds({ eventQueue, queueLink }: DeadLetterDeps): Promise<{ id: string; atMs: number }[]> {
  const flat = await fromQueue(queueLink.client.zrevrange(eventQueue.queue.toKey('failed'), 0, -1, 'WITHSCORES'));
  return Array.from({ length: flat.length / 2 }, (_, n) => ({ id: flat[2 * n]!, atMs: Number(flat[2 * n + 1]) }));
}

async function readJob({ eventQueue, queueLink }: DeadLetterDeps, id: string): Promise<Job> {
  // Asked first: any other id might name a key of the queue's own.
  const score = await fromQueue(queueLink.client.zscore(eventQueue.queue.toKey('failed'), id));
  const job = score === null ? undefined : await fromQueue(eventQueue.queue.getJob(id));
  if (!job) throw new MirError('NOT_FOUND', 'There is no such dead letter. It may have been replayed or dropped.');
  return job as Job;
}

/** A page of dead letters, newest first. */
export async function listDeadLetters(
  deps: DeadLetterDeps,
  query: { limit: number; cursor?: string | undefined },
): Promise<{ data: DeadLetter[]; nextCursor: string | null }> {
  const key = deps.secrets.cursor;
  const after = readCursor(key, 'admin', query.cursor);
  const all = await failedIds(deps);
  const rest = after ? all.filter(({ atMs, id }) => atMs < after.atMs || (atMs === after.atMs && id < after.id)) : all;
  const page = rest.slice(0, query.limit);
  const jobs = await fromQueue(Promise.all(page.map(({ id }) => deps.eventQueue.queue.getJob(id))));
  const last = page.at(-1);
  return {
    data: jobs.filter((job) => job !== undefined).map((job) => present(job as Job)),
    nextCursor: rest.length > page.length && last ? signCursor(key, 'admin', [last.atMs, last.id]) : null,
  };
}

/** One dead letter with the shape of its payload. Throws 404. */
export async function showDeadLetter(deps: DeadLetterDeps, id: string): Promise<DeadLetterDetail> {
  const job = await readJob(deps, id);
  const read = eventChunkSchema.safeParse(job.data);
  const issues = read.success ? [] : read.error.issues;
  const problems = issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
  return { ...present(job), shape: shapeOf(job.data), problems };
}

/** The entry comes first: an act on the queue without its entry must not happen, one that then failed may be repeated. */
async function auditAct({ store }: DeadLetterDeps, job: Job, action: string, act: Act): Promise<void> {
  const { tenant, events } = factsOf(job);
  const entry = auditEntry(act, {
    partnerId: tenant && partnerOf(tenant),
    tenant,
    action,
    target: job.id!,
    before: { env: tenant && envOf(tenant), events: events && events.length, attempts: job.attemptsMade },
  });
  await inTransaction({ store }, (session) => store.audit.append(entry, session));
}

/** Queues a dead letter again with all its attempts. What it stored before stays stored once. Throws 404. */
export async function replayDeadLetter(
  deps: DeadLetterDeps,
  id: string,
  act: Act,
): Promise<{ id: string; status: 'QUEUED' }> {
  const { keys, queueLink } = deps;
  const job = await readJob(deps, id);
  await auditAct(deps, job, 'dead-letter.replayed', act);
  const read = eventChunkSchema.safeParse(job.data);
  if (read.success) {
    const chunk = decodeChunk(job.data);
    const entry = { chunkId: chunk.chunkId, tenant: chunk.tenant, bytes: Buffer.byteLength(JSON.stringify(job.data)) };
    await fromQueue(holdBytes(queueLink.client, keys, QUEUES.events, [entry], act.at.getTime()));
  }
  try {
    // `attemptsStarted` stays: it tells the worker to refresh users that an earlier try may have committed.
    await job.retry('failed', { resetAttemptsMade: true });
  } catch (error) {
    await readJob(deps, id);
    throw overloaded(`The queue store does not answer (${messageOf(error)}). Try again.`, 2, error);
  }
  return { id, status: 'QUEUED' };
}

/** Replays all that are there now, oldest first; those that somebody else takes meanwhile are skipped. */
export async function replayAllDeadLetters(deps: DeadLetterDeps, act: Act): Promise<{ replayed: number }> {
  let replayed = 0;
  for (const { id } of (await failedIds(deps)).reverse()) {
    try {
      await replayDeadLetter(deps, id, act);
      replayed += 1;
    } catch (error) {
      if (!(error instanceof MirError) || error.code !== 'NOT_FOUND') throw error;
    }
  }
  return { replayed };
}

/** Deletes a dead letter for good; its receipt goes on saying FAILED. Throws 404. */
export async function dropDeadLetter(
  deps: DeadLetterDeps,
  id: string,
  act: Act,
): Promise<{ id: string; status: 'DROPPED' }> {
  const job = await readJob(deps, id);
  await auditAct(deps, job, 'dead-letter.dropped', act);
  await fromQueue(job.remove());
  const { tenant } = factsOf(job);
  if (tenant) await fromQueue(settleChunks(deps.queueLink, deps.keys, [{ chunkId: id as ChunkId, tenant }]));
  return { id, status: 'DROPPED' };
}
