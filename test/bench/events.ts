import type { AcceptedEvent } from '../../shared/domain/event';
import { serverEventId } from '../../shared/domain/event-id';
import { newChunkId, type Tenant } from '../../shared/domain/ids';
import type { Secrets } from '../../shared/domain/subject';
import type { EventChunk } from '../../shared/queue/event-chunk';

export const TYPES = ['mir.transaction.completed', 'mir.review.posted', 'mir.content.posted', 'mir.session.started'];
export const FIRST_OCCURRED_AT_MS = 1_790_000_000_000;

/** The users of generated events. */
export interface Population {
  users: number;
  /** If set, every second event belongs to one of this many users. */
  hotUsers?: number;
}

function userOf(n: number, { users, hotUsers = 0 }: Population): string {
  if (hotUsers > 0 && n % 2 === 0) return `hot-${((n / 2) * 7_919) % hotUsers}`;
  return `user-${(n * 7_919) % users}`;
}

/**
 * Returns the nth event as a partner would send it: realistic in size, with a different user than the previous event.
 */
export function submitted(n: number, users: number | Population): Record<string, unknown> {
  return {
    userExternalId: userOf(n, typeof users === 'number' ? { users } : users),
    eventType: TYPES[n % TYPES.length],
    occurredAt: new Date(FIRST_OCCURRED_AT_MS + n * 1_000).toISOString(),
    weight: n % 10,
    metadata: { orderId: `order-${n}`, currency: 'EUR', amountCents: 1_000 + n },
  };
}

/** Returns the body of a batch with the events from the nth on. */
export function batchBody(from: number, count: number, users: number): string {
  return JSON.stringify({ events: Array.from({ length: count }, (_, n) => submitted(from + n, users)) });
}

/** Creates chunks as the API would queue them. Distributes the chunks evenly among the tenants. */
export function chunksOf(
  secrets: Secrets,
  tenants: readonly Tenant[],
  count: number,
  perChunk: number,
  users: Population,
): EventChunk[] {
  let n = 0;
  return Array.from({ length: count }, (_, chunk) => {
    const tenant = tenants[chunk % tenants.length]!;
    const chunkId = newChunkId(Date.now());
    const events = Array.from({ length: perChunk }, (_, index): AcceptedEvent => {
      const event = submitted((n += 1), users);
      return {
        index,
        eventId: serverEventId(tenant, chunkId, index),
        userRef: secrets.userRef(tenant, String(event['userExternalId'])),
        eventType: String(event['eventType']),
        occurredAtMs: Date.parse(String(event['occurredAt'])),
        weight: Number(event['weight']),
        metadata: event['metadata'] as Record<string, unknown>,
        fingerprint: null,
      };
    });
    return { chunkId, tenant, agentId: null, receivedAtMs: Date.now(), requestIds: ['bench'], shared: false, events };
  });
}
