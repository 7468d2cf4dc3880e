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
  signal: AbortSignal;
}

const USER_REF = 2;

/** Returns the chunk in a payload, or null if the payload does not mention the user or belongs to another tenant. */
function chunkOfUser(text: string | null, tenant: Tenant, userRef: UserRef): EventChunkPayload | null {
  // Skip parsing dead letters that do not mention the user; most do not.
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
 * Redacts a user's events in one dead letter, or removes the dead letter if no other content is left. Replaces the
 * payload only if it is unchanged, so that concurrent erasures cannot undo each other.
 */
export async function redactDeadLetter(
  { link, keys, signal }: RedactDeps,
  events: Queue,
  id: string,
  tenant: Tenant,
  userRef: UserRef,
): Promise<void> {
  const isTheirs = (row: EventChunkPayload['events'][number]): boolean => row[USER_REF] === userRef;
  const queue = queueKeys(keys, events.name);
  for (;;) {
    signal.throwIfAborted();
    const text = await storedPayload(link.client, queue, id);
    const chunk = chunkOfUser(text, tenant, userRef);
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
