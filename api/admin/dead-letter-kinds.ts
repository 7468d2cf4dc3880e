import type { Job } from 'bullmq';
import { z } from 'zod';
import type { ChunkId, Tenant } from '../../shared/domain/ids';
import { finalizeChunks } from '../../shared/queue/event-queue';
import { type DeadLetterQueue, decodeChunk, eventChunkSchema, QUEUES } from '../../shared/queue/jobs';
import { reserveBytes } from '../../shared/queue/queued-bytes';
import type { ApiContext } from '../context';

type KindDeps = Pick<ApiContext, 'keys' | 'queueLink'>;

/** Facts read from a possibly malformed payload. null means unknown. */
interface PayloadFacts {
  tenant: Tenant | null;
  events: number | null;
  receivedAtMs: number | null;
}

/** How to read the payloads of a queue's dead letters, and what a replay or drop does besides moving the job. */
export interface DeadLetterKind {
  schema: z.ZodType;
  /** Field names that are part of the contract. Other field names may be user content and stay hidden. */
  fields: ReadonlySet<string>;
  facts(data: unknown): PayloadFacts;
  beforeReplay(deps: KindDeps, job: Job, nowMs: number): Promise<void>;
  afterDrop(deps: KindDeps, job: Job): Promise<void>;
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

const NO_FACTS: PayloadFacts = { tenant: null, events: null, receivedAtMs: null };

const eventChunks: DeadLetterKind = {
  schema: eventChunkSchema,
  fields: new Set(Object.keys(eventChunkSchema.shape)),
  facts(data) {
    const read = factsSchema.safeParse(data);
    return read.success ? { ...read.data, events: read.data.events && read.data.events.length } : NO_FACTS;
  },
  /** Counts the payload's bytes towards the queue's limit again. */
  async beforeReplay({ keys, queueLink }, { data }, nowMs) {
    if (!eventChunkSchema.safeParse(data).success) return;
    const { chunkId, tenant } = decodeChunk(data);
    const entry = { chunkId, tenant, bytes: Buffer.byteLength(JSON.stringify(data)) };
    await reserveBytes(queueLink.client, keys, QUEUES.events, [entry], nowMs);
  },
  async afterDrop({ keys, queueLink }, { id, data }) {
    const { tenant } = eventChunks.facts(data);
    if (tenant) await finalizeChunks(queueLink, keys, [{ chunkId: id as ChunkId, tenant }]);
  },
};

export const DEAD_LETTER_KINDS: Readonly<Record<DeadLetterQueue, DeadLetterKind>> = {
  [QUEUES.events]: eventChunks,
};
