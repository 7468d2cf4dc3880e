import type { ApiContext } from '../../api/context';
import { serverEventId } from '../../shared/domain/event-id';
import { type ChunkId, newChunkId, type Tenant } from '../../shared/domain/ids';
import type { EventDoc } from '../../shared/store/events';
import { submitted } from './events';

/** Events of one chunk. */
export const PER_CHUNK = 500;
const FIRST_RECEIVED_AT_MS = 1_700_000_000_000;
/** Filled events were received before this time, and measured events later. */
export const FILLED_BEFORE_MS = 1_750_000_000_000;

/** Returns an event as a worker would store it, as the nth event of its database. */
export function storedEvent(
  { secrets }: Pick<ApiContext, 'secrets'>,
  { tenant, chunkId, n }: { tenant: Tenant; chunkId: ChunkId; n: number },
  event: Record<string, unknown>,
): EventDoc {
  const index = n % PER_CHUNK;
  return {
    _id: serverEventId(tenant, chunkId, index),
    tenant,
    userRef: secrets.userRef(tenant, String(event['userExternalId'])),
    eventType: String(event['eventType']),
    occurredAt: new Date(String(event['occurredAt'])),
    receivedAt: new Date(FIRST_RECEIVED_AT_MS + n),
    weight: Number(event['weight']),
    metadata: event['metadata'] as Record<string, unknown>,
    chunkId,
    index,
  };
}

/** Stores events of a tenant without the queue. `change` sets fields of the nth event. */
export async function storeEvents(
  ctx: ApiContext,
  tenant: Tenant,
  count: number,
  change: (n: number) => Record<string, unknown>,
): Promise<void> {
  const collection = ctx.store.connection.collection<EventDoc>(ctx.store.events.model.collection.collectionName);
  for (let from = 0; from < count; from += PER_CHUNK) {
    const chunkId = newChunkId(Date.now());
    const events = Array.from({ length: Math.min(PER_CHUNK, count - from) }, (_, index) => {
      const n = from + index;
      return storedEvent(ctx, { tenant, chunkId, n }, { ...submitted(n, 1), ...change(n) });
    });
    await collection.insertMany(events);
  }
}
