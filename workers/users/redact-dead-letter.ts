import type { Queue } from 'bullmq';
import type { ChunkId, Tenant, UserRef } from '../../shared/domain/ids';
import type { RedisLink } from '../../shared/redis/connect';
import { JOB_FIELDS, queueKeys, storedPayload } from '../../shared/queue/bullmq-internals';
import { type EventChunkPayload, eventsQueue, isRedacted, redactRows } from '../../shared/queue/event-chunk';
import { finalizeChunks } from '../../shared/queue/event-queue';
import type { RedisKeys } from '../../shared/redis/keys';
import { scripts } from '../../shared/redis/scripts';

export interface RedactDeps {
  link: RedisLink;
  keys: RedisKeys;
  /** The events queue, whose dead letters hold payloads. */
  events: Queue;
  signal: AbortSignal;
}

const USER_REF = 2;

/** The chunk in a payload that names the user; null when it is none, or another's. */
function theirChunk(text: string | null, tenant: Tenant, userRef: UserRef): EventChunkPayload | null {
  // Most dead letters do not name the user and need not be parsed.
  if (!text?.includes(userRef)) return null;
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return null;
  }
  const chunk = eventsQueue.safeParse(data);
  return chunk.success && chunk.data.tenant === tenant ? chunk.data : null;
}

/**
 * Takes the content of a user's events out of one dead letter; one that holds nothing else goes. Two erasures may be at
 * the same dead letter: the second one reads it again, so that neither restores what the other removed.
 */
export async function redactDeadLetter(
  { events, link, keys, signal }: RedactDeps,
  id: string,
  tenant: Tenant,
  userRef: UserRef,
): Promise<void> {
  const isTheirs = (row: EventChunkPayload['events'][number]): boolean => row[USER_REF] === userRef;
  const queue = queueKeys(keys, events.name);
  for (;;) {
    signal.throwIfAborted();
    const text = await storedPayload(link.client, queue, id);
    const chunk = theirChunk(text, tenant, userRef);
    if (!chunk?.events.some(isTheirs)) return;
    const left = redactRows(chunk, isTheirs);
    if (left.events.every(isRedacted)) {
      await events.remove(id);
      await finalizeChunks(link, keys, [{ chunkId: id as ChunkId, tenant }]);
      return;
    }
    const swap = [JOB_FIELDS.payload, text!, JSON.stringify(eventsQueue.encode(left))] as const;
    if (await scripts.replaceJobData(link.client, [queue.job(id)], swap)) return;
  }
}
