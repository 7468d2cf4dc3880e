import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { z } from 'zod';
import { serverEventId } from '../../shared/domain/event-id';
import type { ChunkId, EventId, Tenant, UserRef } from '../../shared/domain/ids';
import type { Secrets } from '../../shared/domain/subject';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { Metrics } from '../../shared/metrics/metrics';
import { orAborted } from '../../shared/concurrency/retry';
import {
  batchFactsSchema,
  decodeChunk,
  EVENT_QUEUES,
  type EventChunk,
  type EventLane,
  eventsQueue,
} from '../../shared/queue/event-chunk';
import { redactStoredChunk } from '../../shared/queue/stored-chunk';
import type { RedisLink } from '../../shared/redis/link';
import type { RedisKeys } from '../../shared/redis/keys';
import type { SubmissionFacts } from '../../shared/store/receipts';
import type { Store } from '../../shared/store/store';
import { isErased } from '../../shared/store/users';
import type { Committer } from './committer';
import { idsOf, withDerivedIds } from './derive-event-ids';
import type { FinalizedChunk } from './finalized-chunk';

export interface ProcessChunkDeps {
  store: Pick<Store, 'users'>;
  link: RedisLink;
  keys: RedisKeys;
  secrets: Pick<Secrets, 'eventId'>;
  committer: Committer;
  finalize: (finalized: FinalizedChunk) => Promise<void>;
  /** Returns the tenant that was recorded when the chunk was queued, or null if no tenant was recorded. */
  tenantOfChunk: (shard: number, chunkId: ChunkId) => Promise<Tenant | null>;
  log: Log;
  metrics: Metrics;
  /** Aborted when a stopping process gives up waiting for its jobs. */
  signal: AbortSignal;
  lane: EventLane;
  shard: number;
}

/** Delay before a job whose steps failed unexpectedly is processed again. */
export const RETRY_AFTER_MS = 2_000;

/** Maximum number of issues listed in a dead letter's reason. `dead-letters show` prints all issues. */
const MAX_ISSUES_LISTED = 5;

/** The fields of an invalid payload that are needed to write its receipt and remove its open marker. */
const partialChunkSchema = z.object({
  chunkId: z.string(),
  tenant: z.string(),
  agentId: z.string().nullable().catch(null),
  keyedIds: z.boolean().optional().catch(false),
  receivedAtMs: z.number().int().positive().optional().catch(undefined),
  shared: z.boolean().catch(false),
  batch: batchFactsSchema.optional().catch(undefined),
  events: z.array(z.tuple([z.number(), z.string().nullable()], z.unknown())),
});

/** Returns the number of events in a job, or 0 if its payload is invalid. */
export function eventsIn({ data }: Pick<Job, 'data'>): number {
  const events = (data as { events?: unknown } | null)?.events;
  return Array.isArray(events) ? events.length : 0;
}

/** Describes in one line why a payload is invalid, without quoting any of its values. */
function whyUnreadable(error: unknown): string {
  if (!(error instanceof z.ZodError)) return 'decoding failed';
  const listed = error.issues.slice(0, MAX_ISSUES_LISTED).map(({ path, message }) => `${path.join('.')}: ${message}`);
  const more = error.issues.length - listed.length;
  return listed.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

/** Returns the facts by which the receipts of a chunk are listed, or null if the chunk does not contain them. */
function submissionOf({
  receivedAtMs,
  shared,
  batch,
  agentId,
  agentAncestors = [],
}: Pick<EventChunk, 'agentId' | 'agentAncestors'> & {
  receivedAtMs?: number | undefined;
  shared: boolean;
  batch?: EventChunk['batch'];
}): SubmissionFacts | null {
  if (receivedAtMs === undefined || !(shared || batch)) return null;
  const agents = agentId === null ? {} : { agents: [agentId, ...agentAncestors] };
  return { receivedAt: new Date(receivedAtMs), batch: batch ?? null, ...agents };
}

/** Finalizes all events of a job as FAILED, because its payload is invalid. */
async function finalizeUnreadable(
  { finalize, tenantOfChunk, secrets, shard }: ProcessChunkDeps,
  { id, data }: Job,
): Promise<void> {
  const partial = partialChunkSchema.safeParse(data);
  if (!partial.success) {
    const chunkId = id as ChunkId;
    const tenant = await tenantOfChunk(shard, chunkId);
    // The receipt ID contains the number of accepted events, so the receipt can report them all as failed.
    if (tenant !== null) await finalize({ chunkId, tenant, shard, total: null, items: [], submission: null });
    return;
  }
  const { chunkId, tenant, events } = partial.data;
  const items = events.map(([index, eventId]) => ({
    index,
    eventId:
      eventId === null
        ? serverEventId(tenant as Tenant, chunkId as ChunkId, index)
        : idsOf(secrets.eventId, { ...partial.data, tenant: tenant as Tenant }, eventId as EventId).eventId,
    outcome: 'FAILED' as const,
    code: 'PAYLOAD_UNREADABLE',
    message: 'The queued payload could not be read.',
  }));
  const finalized = { chunkId: chunkId as ChunkId, tenant: tenant as Tenant, shard, total: events.length, items };
  await finalize({ ...finalized, submission: submissionOf(partial.data) });
}

/**
 * Redacts the events of erased users before a job becomes a dead letter, regardless of why the job failed. Erasures that
 * are still running redact the dead letter, too.
 */
async function redactErased(
  deps: ProcessChunkDeps,
  { id }: Job,
  { tenant, events, receivedAtMs }: EventChunk,
): Promise<void> {
  const rows = await deps.store.users.rows([tenant], [...new Set(events.map(({ userRef }) => userRef))]);
  const isGone = (userRef: UserRef): boolean => isErased(rows, userRef, receivedAtMs);
  if (!events.some(({ userRef }) => isGone(userRef))) return;
  const job = { queue: EVENT_QUEUES[deps.lane].name, shard: deps.shard, id: id! };
  await redactStoredChunk(deps, job, ([, , userRef]) => isGone(userRef as UserRef));
}

/** Commits the chunk, caches the signals and finalizes it. Throws an UnrecoverableError if any event is FAILED. */
async function commitChunk(deps: ProcessChunkDeps, job: Job): Promise<void> {
  const { committer, finalize, log, metrics, signal, lane, shard } = deps;
  let chunk: EventChunk;
  try {
    chunk = withDerivedIds(deps.secrets.eventId, decodeChunk(eventsQueue.parse(job)));
  } catch (error) {
    await finalizeUnreadable(deps, job);
    const why = whyUnreadable(error);
    log.error({ jobId: job.id, err: why }, 'queued payload unreadable');
    throw new UnrecoverableError(`PAYLOAD_UNREADABLE: ${why}`);
  }
  const { chunkId, tenant, events, receivedAtMs } = chunk;
  const redelivered = job.attemptsStarted > 1 || job.stalledCounter > 0;
  const items = await orAborted(committer.commit(chunk, { lane, redelivered }), signal);
  const failed = items.filter(({ outcome }) => outcome === 'FAILED');
  if (failed.length > 0) await redactErased(deps, job, chunk);
  await finalize({ chunkId, tenant, shard, total: events.length, items, submission: submissionOf(chunk) });
  metrics.freshnessSeconds.observe(Math.max(0, Date.now() - receivedAtMs) / 1000);
  if (failed.length === 0) return;
  throw new UnrecoverableError(
    `${failed[0]!.code}: ${failed.length} of ${events.length} events; first: ${failed[0]!.message}`,
  );
}

/**
 * Processes an events job. A job with FAILED events or an unreadable payload is finalized, which the receipt shows, and
 * becomes a dead letter. Replaying it is safe, because events that are already stored are not stored again. After any
 * other error, some of the events may be stored, so the job does not fail: it is processed again until it succeeds.
 */
export async function processChunk(deps: ProcessChunkDeps, job: Job, token?: string): Promise<void> {
  try {
    await commitChunk(deps, job);
  } catch (error) {
    if (error instanceof UnrecoverableError) throw error;
    // If returning or delaying the job fails, it becomes available again when its lock expires.
    if (deps.signal.aborted) {
      // The process is stopping during an outage.
      await job.moveToWait(token).catch(() => undefined);
      throw new WaitingError();
    }
    deps.log.warn({ jobId: job.id, err: messageOf(error) }, 'processing a chunk failed, retrying');
    await job.moveToDelayed(Date.now() + RETRY_AFTER_MS, token).catch(() => undefined);
    throw new DelayedError();
  }
}
