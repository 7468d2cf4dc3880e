import type { AcceptedEvent } from '../../shared/domain/event';
import type { EventId, Tenant, UserRef } from '../../shared/domain/ids';
import type { Outcome } from '../../shared/domain/receipt';
import type { SignalsRow } from '../../shared/domain/signals';
import type { SpanContext } from '../../shared/tracing/tracing';
import type { EventChunk } from '../../shared/queue/event-chunk';
import type { ReceiptItem } from '../../shared/store/receipts';

/** A chunk that is being committed. `done` is called when the outcome of its last event is known. */
export interface PendingChunk {
  chunk: EventChunk;
  /** Trace span of the chunk's job. */
  span: SpanContext | null;
  /** True if a worker started this job before, so its events may already be stored. */
  redelivered: boolean;
  /** Order of arrival at the committer. */
  sequence: number;
  /** True once a commit of any of the chunk's events has started. */
  started: boolean;
  open: number;
  items: ReceiptItem[];
  done: () => void;
  failed: (error: unknown) => void;
}

export interface PendingEvent {
  event: AcceptedEvent;
  of: PendingChunk;
}

/** Returns the tenants that have events in the group. */
export function tenantsOf(group: readonly PendingEvent[]): Tenant[] {
  return [...new Set(group.map(({ of }) => of.chunk.tenant))];
}

/** Outcome of one event in a commit. */
export interface EventDecision {
  pending: PendingEvent;
  outcome: Outcome;
  /** ID of the stored event: this event's own ID, or the ID of the event it duplicates or conflicts with. */
  storedId?: EventId;
  /** For a CONFLICT, when MIR received the stored event. */
  firstReceivedAt?: Date;
  code?: string;
  message?: string;
}

export interface GroupResult {
  decisions: EventDecision[];
  /** Current rows of all users in the group. */
  rows: Map<UserRef, SignalsRow>;
}
