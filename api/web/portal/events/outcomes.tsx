import type { VNode } from 'preact';
import type { z } from 'zod';
import type { Outcome } from '../../../../shared/domain/receipt';
import type { listedReceiptSchema, receiptSchema } from '../../../events/present-receipt';
import { State } from '../../design/app-parts';

export type ListedReceipt = z.infer<typeof listedReceiptSchema>;
export type PresentedReceipt = z.infer<typeof receiptSchema>;

type Shape = 'active' | 'suspended' | 'pending' | 'ended';

interface Explained {
  kind: Shape;
  text: string;
  meaning: string;
  todo: string;
}

/** What the outcomes of events mean, and what to do. */
export const OUTCOMES: Record<Outcome, Explained> = {
  PERSISTED: {
    kind: 'active',
    text: 'Stored',
    meaning: 'The event is part of the user’s history.',
    todo: 'Nothing.',
  },
  DUPLICATE: {
    kind: 'active',
    text: 'Repeated',
    meaning: 'MIR had already stored the event with this idempotency key. It counts once.',
    todo: 'Nothing. This is what a safe retry looks like.',
  },
  CONFLICT: {
    kind: 'suspended',
    text: 'Conflict',
    meaning: 'Your idempotency key was already used for different content. MIR kept the first event.',
    todo: 'If this is another event, send it again with a new key. If not, find out why its content differs.',
  },
  FAILED: {
    kind: 'ended',
    text: 'Failed',
    meaning: 'The event was accepted, but it could not be stored.',
    todo: 'See the code of the event below. The operator sees the failure, too, and can replay the event.',
  },
  ERASED: {
    kind: 'suspended',
    text: 'Erased',
    meaning: 'The user was erased after MIR received the event, so it was discarded.',
    todo: 'Nothing. Events that you send later start a new history.',
  },
};

/** The outcome of an event as a word with a shape. */
export function OutcomeState({ outcome }: { outcome: Outcome }): VNode {
  const { kind, text } = OUTCOMES[outcome];
  return <State kind={kind}>{text}</State>;
}

/** What the states of receipts mean, and what to do. */
export const RECEIPT_STATES: Record<ListedReceipt['status'], Explained> = {
  QUEUED: {
    kind: 'pending',
    text: 'Queued',
    meaning: 'MIR has accepted the events, and a worker is about to store them. That usually takes less than a second.',
    todo: 'Wait. If this does not change within minutes, send the events again with the same idempotency keys: MIR stores each of them once.',
  },
  DONE: {
    kind: 'active',
    text: 'Done',
    meaning: 'Every event has its outcome, and none was lost.',
    todo: 'Nothing.',
  },
  DONE_WITH_FAILURES: {
    kind: 'ended',
    text: 'Done, with failures',
    meaning: 'Some events are in conflict or have failed. The others are stored.',
    todo: 'See which events below, and what to do about each.',
  },
};

/** The state of a receipt as a word with a shape. */
export function ReceiptState({ status }: Pick<ListedReceipt, 'status'>): VNode {
  const { kind, text } = RECEIPT_STATES[status];
  return <State kind={kind}>{text}</State>;
}

/** The number of events with each outcome, without outcomes that no event has. */
export function countsOf(receipt: ListedReceipt): { outcome: Outcome; count: number }[] {
  const { persisted, duplicates, conflicts, failed, erased } = receipt;
  const counts: [Outcome, number][] = [
    ['PERSISTED', persisted],
    ['DUPLICATE', duplicates],
    ['CONFLICT', conflicts],
    ['FAILED', failed],
    ['ERASED', erased],
  ];
  return counts.filter(([, count]) => count > 0).map(([outcome, count]) => ({ outcome, count }));
}
