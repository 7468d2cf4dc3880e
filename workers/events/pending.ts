import type { AcceptedEvent } from '../../shared/domain/event';
import type { EventId, UserRef } from '../../shared/domain/ids';
import type { Outcome } from '../../shared/domain/receipt';
import type { SignalsRow } from '../../shared/domain/signals';
import type { SpanContext } from '../../shared/tracing/tracing';
import type { EventChunk } from '../../shared/queue/event-chunk';
import type { ReceiptItem } from '../../shared/store/receipts';

/** A chunk in work; `done` is called when the outcome of its last event is known. */
export interface PendingChunk {
  chunk: EventChunk;
  /** Of its job in a trace. */
  span: SpanContext | null;
  /** A worker had this job before: its events may be stored already. */
  redelivered: boolean;
  open: number;
  items: ReceiptItem[];
  done: () => void;
  failed: (error: unknown) => void;
}

export interface PendingEvent {
  event: AcceptedEvent;
  of: PendingChunk;
}

/** What a commit decided about one event. */
export interface EventDecision {
  pending: PendingEvent;
  outcome: Outcome;
  /** The id of the stored event: its own row, or the one that it repeats or conflicts with. */
  storedId?: EventId;
  code?: string;
  message?: string;
}

export interface GroupResult {
  decisions: EventDecision[];
  /** Every user that the group named, as the store has them now. */
  rows: Map<UserRef, SignalsRow>;
}
