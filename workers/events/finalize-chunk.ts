import { RECEIPT_RETENTION_MS } from '../../shared/domain/receipt';
import type { Log } from '../../shared/log';
import type { Metrics } from '../../shared/metrics/metrics';
import { withPatience } from '../../shared/concurrency/retry';
import { tickBatch } from '../../shared/concurrency/coalesce';
import type { RedisLink } from '../../shared/redis/connect';
import { settleChunks } from '../../shared/queue/event-queue';
import type { RedisKeys } from '../../shared/redis/keys';
import type { ReceiptItem, ReceiptPartDoc } from '../../shared/store/receipts';
import type { Store } from '../../shared/store/store';
import type { ChunkId, Tenant } from '../../shared/domain/ids';

const MAX_PARTS_PER_WRITE = 500;

export interface SettledChunk {
  chunkId: ChunkId;
  tenant: Tenant;
  /** Null: the payload could not be read. */
  total: number | null;
  items: ReceiptItem[];
}

/** Writes a chunk's part of its receipt, then ends its marks; chunks of one turn share the round trips. */
export function createSettleChunk(deps: {
  store: Pick<Store, 'receipts'>;
  link: RedisLink;
  keys: RedisKeys;
  log: Log;
  metrics: Metrics;
  signal: AbortSignal;
}): (settled: SettledChunk) => Promise<void> {
  const { store, link, keys, log, metrics, signal } = deps;
  interface Waiting {
    settled: SettledChunk;
    resolve: () => void;
    reject: (error: unknown) => void;
  }
  const partOf = ({ chunkId, tenant, total, items }: SettledChunk, now: Date): ReceiptPartDoc => ({
    _id: chunkId,
    tenant,
    total,
    items,
    settledAt: now,
    expireAt: new Date(now.getTime() + RECEIPT_RETENTION_MS),
  });
  const count = ({ total, items }: SettledChunk): void => {
    if (total !== null) metrics.eventOutcomes.PERSISTED.inc(total - items.length);
    for (const { outcome } of items) metrics.eventOutcomes[outcome].inc();
  };
  const flush = async (waiting: Waiting[]): Promise<void> => {
    const chunks = waiting.map(({ settled }) => settled);
    try {
      const now = new Date();
      const parts = chunks.map((chunk) => partOf(chunk, now));
      await withPatience(() => store.receipts.put(parts), { what: 'receipts', log, signal });
      await withPatience(() => settleChunks(link, keys, chunks), { what: 'settling', log, signal });
      chunks.forEach(count);
      waiting.forEach(({ resolve }) => resolve());
    } catch (error) {
      waiting.forEach(({ reject }) => reject(error));
    }
  };
  const soon = tickBatch<Waiting>((waiting) => void flush(waiting), MAX_PARTS_PER_WRITE);
  return (settled) => new Promise((resolve, reject) => soon({ settled, resolve, reject }));
}
