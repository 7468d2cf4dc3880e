import { baseOf, signReceipt } from '../../shared/domain/receipt';
import type { ReceiptId } from '../../shared/domain/ids';
import type { Secrets } from '../../shared/domain/subject';
import type { Store } from '../../shared/store/store';
import { announceStep } from '../../shared/webhooks/announce';
import type { FinalizedChunk } from './finalized-chunk';

/** Maximum number of receipts that a message names. Single events that share a chunk have receipts of their own. */
const MAX_RECEIPTS = 100;
/** Maximum number of error codes that a message names. */
const MAX_CODES = 20;

/** Returns the receipts of a chunk's failed events, or none if the payload does not say to which receipts they belong. */
function receiptsOf(
  secrets: Pick<Secrets, 'receipt'>,
  { chunkId, tenant, submission, items }: FinalizedChunk,
): ReceiptId[] {
  if (submission === null) return [];
  const { receivedAt, batch } = submission;
  const facts = { base: baseOf(chunkId), receivedAtMs: receivedAt.getTime() };
  if (batch) return [signReceipt(secrets.receipt, tenant, { ...facts, ...batch, slot: null })];
  const slots = items.filter(({ outcome }) => outcome === 'FAILED').map(({ index }) => index);
  return slots
    .slice(0, MAX_RECEIPTS)
    .map((slot) => signReceipt(secrets.receipt, tenant, { ...facts, chunks: 1, accepted: 1, slot }));
}

/** Returns whether a chunk has failed events. Those of a chunk with an unreadable payload all failed. */
export function hasFailedEvents({ total, items }: FinalizedChunk): boolean {
  return total === null || items.some(({ outcome }) => outcome === 'FAILED');
}

/**
 * Inserts the message about a chunk with failed events. Finalizing is repeated until it succeeds, so the message is
 * derived from the chunk. Returns the deliveries to wake up workers for.
 */
export function announceFailures(
  { store, secrets }: { store: Pick<Store, 'webhooks' | 'deliveries'>; secrets: Pick<Secrets, 'receipt'> },
  chunk: FinalizedChunk,
  at: Date,
): Promise<string[]> {
  const { chunkId, tenant, total, items, submission } = chunk;
  const failed = items.filter(({ outcome }) => outcome === 'FAILED');
  const codes = [...new Set(failed.flatMap(({ code }) => code ?? []))].slice(0, MAX_CODES);
  const data = {
    receiptIds: receiptsOf(secrets, chunk),
    failed: total === null ? null : failed.length,
    codes: total === null ? ['PAYLOAD_UNREADABLE'] : codes,
    receivedAt: submission?.receivedAt.toISOString() ?? null,
  };
  return announceStep({ store }, chunkId, { tenant, type: 'receipt.failed', data, at });
}
