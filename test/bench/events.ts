import type { AcceptedEvent } from '../../shared/domain/event';
import { serverEventId } from '../../shared/domain/event-id';
import { newChunkId, type Tenant } from '../../shared/domain/ids';
import { userRefOf } from '../../shared/domain/subject';
import type { EventChunk } from '../../shared/queue/event-chunk';
import type { BenchEnvironment } from './environment';

const TYPES = ['mir.transaction.completed', 'mir.review.posted', 'mir.content.posted', 'mir.session.started'];

/**
 * Returns the nth event as a partner would send it: realistic in size, with a different user than the previous event.
 */
export function submitted(n: number, users: number): Record<string, unknown> {
  return {
    userExternalId: `user-${(n * 7_919) % users}`,
    eventType: TYPES[n % TYPES.length],
    occurredAt: new Date(1_790_000_000_000 + n * 1_000).toISOString(),
    weight: n % 10,
    metadata: { orderId: `order-${n}`, currency: 'EUR', amountCents: 1_000 + n },
  };
}

/** Returns the body of a batch with the events from the nth on. */
export function batchBody(from: number, count: number, users: number): string {
  return JSON.stringify({ events: Array.from({ length: count }, (_, n) => submitted(from + n, users)) });
}

/** Creates chunks as the API would queue them. */
export function chunksOf(
  environment: BenchEnvironment,
  tenant: Tenant,
  count: number,
  perChunk: number,
  users: number,
): EventChunk[] {
  const { secrets } = environment.ctx;
  let n = 0;
  return Array.from({ length: count }, () => {
    const chunkId = newChunkId(Date.now());
    const events = Array.from({ length: perChunk }, (_, index): AcceptedEvent => {
      const event = submitted((n += 1), users);
      return {
        index,
        eventId: serverEventId(tenant, chunkId, index),
        userRef: userRefOf(secrets.subject, tenant, String(event['userExternalId'])),
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
