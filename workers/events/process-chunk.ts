import { type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { z } from 'zod';
import { serverEventId } from '../../shared/domain/event-id';
import type { ChunkId, EventId, Tenant, UserRef } from '../../shared/domain/ids';
import type { Secrets } from '../../shared/domain/subject';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { Metrics } from '../../shared/metrics/metrics';
import { orAborted } from '../../shared/concurrency/retry';
import { decodeChunk, type EventChunk, eventsQueue, redactRows } from '../../shared/queue/event-chunk';
import type { Store } from '../../shared/store/store';
import { isErased } from './commit-group';
import type { Committer } from './committer';
import { idsOf, withDerivedIds } from './derive-event-ids';
import type { FinalizedChunk } from './finalize-chunk';

interface Deps {
  store: Pick<Store, 'users'>;
  secrets: Pick<Secrets, 'eventId'>;
  committer: Committer;
  finalize: (finalized: FinalizedChunk) => Promise<void>;
  /** Whose chunk it is, by what was noted beside its job; null when nothing is. */
  tenantOfChunk: (chunkId: ChunkId) => Promise<Tenant | null>;
  log: Log;
  metrics: Metrics;
  /** Aborted when the process gives up waiting. */
  signal: AbortSignal;
}

/** Problems that the reason of a dead letter names; `dead-letters show` has all. */
const MAX_ISSUES_NAMED = 5;

/** What can still be read of a payload that is not a chunk: enough to tell its partner and to end its marks. */
const remainsSchema = z.object({
  chunkId: z.string(),
  tenant: z.string(),
  agentId: z.string().nullable().catch(null),
  keyedIds: z.boolean().optional().catch(false),
  events: z.array(z.tuple([z.number(), z.string().nullable()], z.unknown())),
});

/** What is wrong with a payload, in one line; never a value of it. */
function whyUnreadable(error: unknown): string {
  if (!(error instanceof z.ZodError)) return 'it cannot be decoded';
  const named = error.issues.slice(0, MAX_ISSUES_NAMED).map(({ path, message }) => `${path.join('.')}: ${message}`);
  const more = error.issues.length - named.length;
  return named.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

async function finalizeAsFailed(
  { finalize, tenantOfChunk, secrets }: Deps,
  { id, data }: Job,
  code: string,
  message: string,
): Promise<void> {
  const remains = remainsSchema.safeParse(data);
  if (!remains.success) {
    const chunkId = id as ChunkId;
    const tenant = await tenantOfChunk(chunkId);
    // Its receipt knows how many events it promised, and that none of them is stored.
    if (tenant !== null) await finalize({ chunkId, tenant, total: null, items: [] });
    return;
  }
  const { chunkId, tenant, events } = remains.data;
  const items = events.map(([index, eventId]) => ({
    index,
    eventId:
      eventId === null
        ? serverEventId(tenant as Tenant, chunkId as ChunkId, index)
        : idsOf(secrets.eventId, { ...remains.data, tenant: tenant as Tenant }, eventId as EventId).eventId,
    outcome: 'FAILED' as const,
    code,
    message,
  }));
  await finalize({ chunkId: chunkId as ChunkId, tenant: tenant as Tenant, total: events.length, items });
}

/**
 * A dead letter must not keep what was erased before the letter was one, whatever it failed of. Before it is settled:
 * an erasure waits for what is not.
 */
async function emptyErased({ store }: Deps, job: Job, { events, receivedAtMs }: EventChunk): Promise<void> {
  const rows = await store.users.rows([...new Set(events.map(({ userRef }) => userRef))]);
  const isGone = (userRef: UserRef): boolean => isErased(rows, userRef, receivedAtMs);
  if (!events.some(({ userRef }) => isGone(userRef))) return;
  const redacted = redactRows(eventsQueue.parse(job), ([, , userRef]) => isGone(userRef as UserRef));
  await job.updateData(eventsQueue.encode(redacted));
}

/**
 * The events job: commit, put the signals, finalize. A job that cannot succeed is finalized as FAILED (its partner's receipt
 * says so) and kept among the dead letters, from where it can be replayed: what it stored before stays stored once.
 */
export async function processChunk(deps: Deps, job: Job, token?: string): Promise<void> {
  const { committer, finalize, log, metrics, signal } = deps;
  let chunk: EventChunk;
  try {
    chunk = withDerivedIds(deps.secrets.eventId, decodeChunk(eventsQueue.parse(job)));
  } catch (error) {
    await finalizeAsFailed(deps, job, 'PAYLOAD_UNREADABLE', 'The queued payload could not be read.');
    const why = whyUnreadable(error);
    log.error({ jobId: job.id, err: why }, 'a queued payload is not a chunk');
    throw new UnrecoverableError(`PAYLOAD_UNREADABLE: ${why}`);
  }
  const { chunkId, tenant, events, receivedAtMs, requestIds } = chunk;
  try {
    const items = await orAborted(committer.commit(chunk, job.attemptsStarted > 1 || job.stalledCounter > 0), signal);
    const failed = items.filter(({ outcome }) => outcome === 'FAILED');
    if (failed.length > 0) await emptyErased(deps, job, chunk);
    await finalize({ chunkId, tenant, total: events.length, items });
    metrics.freshnessSeconds.observe(Math.max(0, Date.now() - receivedAtMs) / 1000);
    if (failed.length === 0) return;
    throw new UnrecoverableError(
      `${failed[0]!.code}: ${failed.length} of ${events.length} events; first: ${failed[0]!.message}`,
    );
  } catch (error) {
    if (error instanceof UnrecoverableError) throw error;
    // The process stops during an outage, which is not the job's fault. Where giving it back fails, its lock expires.
    if (signal.aborted) {
      await job.moveToWait(token).catch(() => undefined);
      throw new WaitingError();
    }
    const last = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
    log.warn({ chunkId, requestIds, err: messageOf(error), last }, 'a chunk was not committed');
    if (last) {
      await emptyErased(deps, job, chunk).catch((reason: unknown) =>
        log.error({ chunkId, err: messageOf(reason) }, 'a dead letter may hold what was erased'),
      );
      await finalizeAsFailed(deps, job, 'COMMIT_FAILED', 'The events could not be committed.');
    }
    throw error;
  }
}
