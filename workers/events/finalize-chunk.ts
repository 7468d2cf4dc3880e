import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { Metrics } from '../../shared/metrics/metrics';
import { retryUntilAborted } from '../../shared/concurrency/retry';
import { coalesce, type Coalesced } from '../../shared/concurrency/coalesce';
import type { RedisLink } from '../../shared/redis/link';
import { finalizeChunks, removeFinalized, type TenantChunk } from '../../shared/queue/finalize-chunks';
import type { RedisKeys } from '../../shared/redis/keys';
import { createStorePart } from './store-parts';
import { receiptPartOf } from '../../shared/store/receipts';
import type { WakeUpQueue } from '../../shared/queue/wake-up-queue';
import { wakeDeliveries } from '../../shared/webhooks/wake-deliveries';
import { announceFailures, hasFailedEvents } from './announce-failures';
import type { FinalizedChunk } from './finalized-chunk';

const MAX_CHUNKS_PER_CALL = 500;
const MAX_CHUNKS_PER_REMOVAL = 500;

/**
 * Returns a function that finalizes a chunk: stores its part of the receipt and counts its events in usage, announces failed events, then moves it
 * from the tenant's open to its finalized chunks, because its job still exists, and releases its queued bytes. Chunks
 * that are finalized at the same time share round trips.
 */
export function createFinalizeChunk(
  deps: Parameters<typeof createStorePart>[0] &
    Parameters<typeof announceFailures>[0] & { metrics: Metrics; webhookQueue: Pick<WakeUpQueue, 'add'> },
): (finalized: FinalizedChunk) => Promise<void> {
  const { queueLink, keys, log, metrics, signal, webhookQueue } = deps;
  const storePart = createStorePart(deps);
  const count = ({ total, items }: FinalizedChunk): void => {
    if (total !== null) metrics.eventOutcomes.PERSISTED.inc(total - items.length);
    for (const { outcome } of items) metrics.eventOutcomes[outcome].inc();
  };
  const flush = async (batch: Coalesced<FinalizedChunk, void>[]): Promise<void> => {
    const chunks = batch.map(({ item }) => item);
    const now = new Date();
    const deliveryIds: string[] = [];
    for (const chunk of chunks.filter(hasFailedEvents)) {
      const announced = retryUntilAborted(() => announceFailures(deps, chunk, now), { what: 'messages', log, signal });
      deliveryIds.push(...(await announced));
    }
    await retryUntilAborted(() => finalizeChunks(queueLink, keys, chunks), { what: 'finalize', log, signal });
    wakeDeliveries(webhookQueue, deliveryIds);
    chunks.forEach(count);
    batch.forEach(({ resolve }) => resolve());
  };
  const release = coalesce(flush, { maxItems: MAX_CHUNKS_PER_CALL });
  return async (chunk) => {
    await storePart(receiptPartOf(chunk, new Date()));
    await release(chunk);
  };
}

/**
 * Returns a function that removes a chunk from the finalized ones. Call it once the chunk's job has completed. Never
 * rejects: an erasure, or a later finalization after a month, removes a chunk that was left behind.
 */
export function createForgetChunk(deps: {
  link: RedisLink;
  keys: RedisKeys;
  log: Log;
}): (chunk: TenantChunk) => Promise<void> {
  const { link, keys, log } = deps;
  const flush = async (batch: Coalesced<TenantChunk, void>[]): Promise<void> => {
    const chunks = batch.map(({ item }) => item);
    await removeFinalized(link, keys, chunks).catch((error: unknown) =>
      log.warn({ err: messageOf(error) }, 'removing completed chunks failed'),
    );
    batch.forEach(({ resolve }) => resolve());
  };
  return coalesce(flush, { maxItems: MAX_CHUNKS_PER_REMOVAL });
}
