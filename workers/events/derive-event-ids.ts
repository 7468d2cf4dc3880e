import { isFormerId, keyedEventId } from '../../shared/domain/event-id';
import type { EventId } from '../../shared/domain/ids';
import type { KeyedHash } from '../../shared/domain/subject';
import type { EventChunk } from '../../shared/queue/event-chunk';

type Ids = { eventId: EventId; otherId?: EventId };

/**
 * Returns the ID that the API returned for a queued event, and the other ID under which the database may store the
 * event.
 */
export function idsOf(
  hmac: KeyedHash,
  { tenant, agentId, keyedIds }: Pick<EventChunk, 'tenant' | 'agentId' | 'keyedIds'>,
  queuedId: EventId,
): Ids {
  if (!isFormerId(queuedId)) return { eventId: queuedId };
  const keyedId = keyedEventId(hmac, tenant, agentId, queuedId);
  return keyedIds ? { eventId: keyedId, otherId: queuedId } : { eventId: queuedId, otherId: keyedId };
}

/** Returns the chunk with both IDs on every event that has a former ID. */
export function withDerivedIds(hmac: KeyedHash, chunk: EventChunk): EventChunk {
  if (!chunk.events.some(({ eventId }) => isFormerId(eventId))) return chunk;
  return { ...chunk, events: chunk.events.map((event) => ({ ...event, ...idsOf(hmac, chunk, event.eventId) })) };
}
