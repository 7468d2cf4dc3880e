import type { Job } from 'bullmq';
import { z } from 'zod';
import { type ChunkId, isTenant, type Tenant } from '../../shared/domain/ids';
import { bulkEventsQueue, eventsQueue } from '../../shared/queue/event-chunk';
import { discardChunks, recordFinalized } from '../../shared/queue/finalize-chunks';
import { reserveBytes } from '../../shared/queue/queued-bytes';
import type { DeadLetterQueue, QUEUES } from '../../shared/queue/queues';
import type { ApiContext } from '../context';

type KindDeps = Pick<ApiContext, 'keys' | 'queueLink'>;

/** Facts extracted from a payload. If the payload is malformed, facts that cannot be read are null. */
interface PayloadFacts {
  tenant: Tenant | null;
  events: number | null;
  receivedAtMs: number | null;
}

/**
 * Queue-specific handling of dead letters: how to read their payloads, and what a replay or drop does in addition to
 * requeuing or removing the job.
 */
interface DeadLetterKind {
  definition: Pick<(typeof QUEUES)[number], 'fields' | 'safeParse'>;
  facts(data: unknown): PayloadFacts;
  beforeReplay(deps: KindDeps, job: Job, shard: number, nowMs: number): Promise<void>;
  afterDrop(deps: KindDeps, job: Job, shard: number): Promise<void>;
}

const factsSchema = z.object({
  tenant: z.custom<Tenant>(isTenant).nullable().catch(null),
  events: z.array(z.unknown()).nullable().catch(null),
  receivedAtMs: z.number().int().min(0).max(8.64e15).nullable().catch(null),
});

const NO_FACTS: PayloadFacts = { tenant: null, events: null, receivedAtMs: null };

const eventChunks: DeadLetterKind = {
  definition: eventsQueue,
  facts(data) {
    const read = factsSchema.safeParse(data);
    return read.success ? { ...read.data, events: read.data.events && read.data.events.length } : NO_FACTS;
  },
  /** Makes sure that erasures wait for the job, and counts the payload's bytes toward the queue's limit again. */
  async beforeReplay({ keys, queueLink }, { id, data }, shard, nowMs) {
    const { tenant } = eventChunks.facts(data);
    if (!tenant) return;
    const chunkId = id as ChunkId;
    await recordFinalized(queueLink, keys, [{ chunkId, tenant }]);
    if (!eventsQueue.safeParse(data).success) return;
    // The job keeps its lane and priority, so the reservation needs no cost.
    const entry = { chunkId, bytes: Buffer.byteLength(JSON.stringify(data)), cost: 0 };
    await reserveBytes(queueLink.client, keys, { shard, lane: 'interactive', tenant, nowMs, limits: null }, [entry]);
  },
  async afterDrop({ keys, queueLink }, { id, data }, shard) {
    const { tenant } = eventChunks.facts(data);
    if (tenant) await discardChunks(queueLink, keys, [{ chunkId: id as ChunkId, tenant, shard }]);
  },
};

export const DEAD_LETTER_KINDS: Readonly<Record<DeadLetterQueue, DeadLetterKind>> = {
  [eventsQueue.name]: eventChunks,
  [bulkEventsQueue.name]: eventChunks,
};
