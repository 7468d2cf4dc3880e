import { z } from 'zod';
import {
  chunkIdsOf,
  CONFLICT_MESSAGE,
  countOutcomes,
  hasFailures,
  type OutcomeCounts,
  type ReceiptFacts,
  STORE_REFUSED_MESSAGE,
} from '../../shared/domain/receipt';
import type { ReceiptItem, ReceiptPartDoc } from '../../shared/store/receipts';

const RECEIPT_FIELDS = {
  receiptId: z.string(),
  status: z.enum(['QUEUED', 'DONE', 'DONE_WITH_FAILURES']),
  accepted: z.int(),
  persisted: z.int(),
  duplicates: z.int(),
  conflicts: z.int(),
  failed: z.int(),
  erased: z.int().describe('Number of events discarded because their user was erased after MIR received them.'),
  receivedAt: z.iso.datetime(),
  settledAt: z.iso.datetime().nullable(),
};

/** A receipt without its items, as the list returns it. */
export const listedReceiptSchema = z.object(RECEIPT_FIELDS).meta({ id: 'ListedReceipt' });

export const receiptSchema = z
  .object({
    ...RECEIPT_FIELDS,
    items: z
      .array(
        z
          .object({
            index: z.int(),
            eventId: z.string().describe('For DUPLICATE and CONFLICT, the ID of the stored event.'),
            outcome: z.enum(['DUPLICATE', 'CONFLICT', 'FAILED', 'ERASED']),
            code: z.string().optional(),
            message: z.string().optional(),
            firstReceivedAt: z.iso
              .datetime()
              .optional()
              .describe('For CONFLICT, when MIR received the stored event. Not set in receipts of earlier versions.'),
          })
          .meta({ id: 'ReceiptItem' }),
      )
      .optional()
      .describe('Events with an outcome other than PERSISTED, except failed events whose data could not be read.'),
  })
  .meta({ id: 'Receipt' });

type ListedReceipt = z.input<typeof listedReceiptSchema>;

/** What a part of a receipt says about the receipt's own events. */
export interface PartSummary {
  /** Number of events. Null if the payload was unreadable. */
  total: number | null;
  counts: OutcomeCounts;
  settledAt: Date;
}

const NO_EVENTS = countOutcomes([]);

/** Combines what a receipt's parts say. The status is QUEUED until every chunk is finalized. */
export function summarizeReceipt(receiptId: string, facts: ReceiptFacts, parts: readonly PartSummary[]): ListedReceipt {
  const { accepted, receivedAtMs } = facts;
  const counts = { ...NO_EVENTS };
  let seen = 0;
  let isRead = true;
  for (const part of parts) {
    if (part.total === null) isRead = false;
    seen += part.total ?? 0;
    counts.duplicates += part.counts.duplicates;
    counts.conflicts += part.counts.conflicts;
    counts.failed += part.counts.failed;
    counts.erased += part.counts.erased;
  }
  const { duplicates, conflicts, failed, erased } = counts;
  const isFinal = parts.length === chunkIdsOf(facts).length;
  // Events in an unreadable payload count as failed, but their indexes are unknown.
  const unread = isFinal && !isRead ? accepted - seen : 0;
  const settledAtMs = Math.max(...parts.map(({ settledAt }) => settledAt.getTime()));
  return {
    receiptId,
    status: !isFinal ? 'QUEUED' : unread > 0 || hasFailures(counts) ? 'DONE_WITH_FAILURES' : 'DONE',
    accepted,
    persisted: seen - duplicates - conflicts - failed - erased,
    duplicates,
    conflicts,
    failed: failed + unread,
    erased,
    receivedAt: new Date(receivedAtMs).toISOString(),
    settledAt: isFinal ? new Date(settledAtMs).toISOString() : null,
  };
}

/** Summarizes a part. `slot` is the receipt's slot in a shared part, or null if the part belongs to one receipt. */
export function summarizePart(
  { total, items, settledAt }: Pick<ReceiptPartDoc, 'total' | 'items' | 'settledAt'>,
  slot: number | null,
): PartSummary {
  if (slot === null) return { total, counts: countOutcomes(items), settledAt };
  const own = items.filter(({ index }) => index === slot);
  return { total: total === null ? null : 1, counts: countOutcomes(own), settledAt };
}

function presentItem({ firstReceivedAt, ...item }: ReceiptItem) {
  switch (item.outcome) {
    case 'CONFLICT': {
      const first = firstReceivedAt ? { firstReceivedAt: firstReceivedAt.toISOString() } : {};
      return { ...item, code: 'IDEMPOTENCY_KEY_REUSED', message: CONFLICT_MESSAGE, ...first };
    }
    case 'FAILED':
      // Earlier versions stored the database driver's error message, which may quote event content.
      return item.code === 'STORE_REFUSED' ? { ...item, message: STORE_REFUSED_MESSAGE } : item;
    default:
      return item;
  }
}

/** Presents a receipt with its items. */
export function presentReceipt(
  receiptId: string,
  facts: ReceiptFacts,
  parts: readonly ReceiptPartDoc[],
): z.input<typeof receiptSchema> {
  const { slot } = facts;
  const items = parts
    .flatMap((part) => part.items)
    .filter(({ index }) => slot === null || index === slot)
    .map((item) => presentItem(slot === null ? item : { ...item, index: 0 }))
    .sort((a, b) => a.index - b.index);
  const summary = summarizeReceipt(
    receiptId,
    facts,
    parts.map((part) => summarizePart(part, slot)),
  );
  return { ...summary, ...(items.length > 0 ? { items } : {}) };
}
