import type { QueuedChunk } from '../../shared/queue/finalize-chunks';
import type { ReceiptItem, SubmissionFacts } from '../../shared/store/receipts';

/** A chunk whose events all have an outcome. */
export interface FinalizedChunk extends QueuedChunk {
  /** Number of events in the chunk. Null if the payload could not be read. */
  total: number | null;
  items: ReceiptItem[];
  /** What the receipt IDs of the chunk's events contain. Null if the payload does not include it. */
  submission: SubmissionFacts | null;
}
