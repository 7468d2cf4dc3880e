import type { SubmittedEvent } from '../../../shared/domain/event';
import { TYPES } from '../../bench/events';
import type { ExpectedPartner } from '../oracle/oracle';
import { type Acknowledged, type ClientDeps, submit } from './submit';

/** Acknowledged submissions that a client may repeat. */
const MAX_REMEMBERED = 30;
const UNKNOWN_TYPE = 'mir.transaction.nonsense';
const MAX_INVALID = 5;

/** A client that submits events with one key. */
export interface EventClientOptions {
  partner: ExpectedPartner;
  key: string;
  /** Prefix of the idempotency keys. */
  name: string;
  users: number;
  batch: { from: number; to: number };
  types?: readonly string[];
  /** False for AI agents, which need idempotency keys. */
  unkeyed?: boolean;
  pace: (events: number) => Promise<void>;
}

/** Returns a function that makes one submission, which the random numbers choose. */
export function eventClient(deps: ClientDeps, options: EventClientOptions): () => Promise<void> {
  const { oracle, random, transport } = deps;
  const { partner, key, name, users, batch, types = TYPES, unkeyed = true, pace } = options;
  const remembered: Acknowledged[] = [];
  const single = batch.to === 1;
  let sequence = 0;

  const newEvents = (count: number, keyed: boolean): SubmittedEvent[] => {
    sequence += 1;
    return Array.from({ length: count }, (_, n) => ({
      userExternalId: `u-${random.int(0, users - 1)}`,
      eventType: random.pick(types),
      ...(random.chance(0.2) ? { metadata: { order: `order-${random.int(0, 1_000_000)}`, lines: n } } : {}),
      ...(keyed ? { idempotencyKey: `${name}-${sequence}-${n}` } : {}),
    }));
  };
  const remember = (acknowledged: Acknowledged | null): void => {
    if (!acknowledged) return;
    if (remembered.length < MAX_REMEMBERED) remembered.push(acknowledged);
    else remembered[random.int(0, MAX_REMEMBERED - 1)] = acknowledged;
  };
  const isDone = async ({ receiptId }: Acknowledged): Promise<boolean> => {
    const reply = await transport.get(transport.anyApi(random), `/v1/events/receipts/${receiptId}`, key);
    return reply?.status === 200 && reply.body.status !== 'QUEUED';
  };

  const sendFresh = async (): Promise<void> => {
    const events = newEvents(random.int(batch.from, batch.to), true);
    await pace(events.length);
    const submission = { kind: single ? 'single' : 'batch', partner, key, events, fresh: true, single };
    remember(await submit(deps, submission));
  };
  const sendUnkeyed = async (): Promise<void> => {
    const events = newEvents(random.int(batch.from, batch.to), false);
    await pace(events.length);
    await submit(deps, { kind: 'unkeyed', partner, key, events, fresh: true, single });
  };
  const sendRepeat = async (): Promise<void> => {
    if (remembered.length === 0) return sendFresh();
    const { submission, eventIds, receiptId } = random.pick(remembered);
    await pace(submission.events.length);
    // The original may still be queued, so either of the two may be the one that is stored.
    oracle.forgetOutcomes(receiptId);
    await submit(deps, { ...submission, kind: 'repeat', fresh: false, eventIds, outcomes: {} });
  };
  const sendConflict = async (): Promise<void> => {
    const at = random.int(0, Math.max(0, remembered.length - 1));
    const original = remembered[at];
    // Until the original is stored, it is not certain that it wins.
    if (!original || !(await isDone(original))) return sendFresh();
    // The API process that accepts the conflict may reject later repeats of the original.
    remembered.splice(at, 1);
    const [first] = original.submission.events;
    const events = [{ ...first!, userExternalId: `other-${first!.userExternalId}` }];
    await submit(deps, { kind: 'conflict', partner, key, events, fresh: false, single, outcomes: { conflicts: 1 } });
  };
  const sendInvalid = async (): Promise<void> => {
    const events = newEvents(random.int(batch.from, batch.to), true);
    const count = Math.min(events.length, random.int(1, MAX_INVALID));
    const invalid = new Set(random.shuffle(events.map((_, index) => index)).slice(0, count));
    for (const index of invalid) events[index]!.eventType = UNKNOWN_TYPE;
    await pace(events.length);
    await submit(deps, { kind: 'partly invalid', partner, key, events, fresh: true, single, invalid });
  };

  return async () => {
    const choice = random.next();
    if (choice < 0.72) await sendFresh();
    else if (choice < 0.82) await (unkeyed ? sendUnkeyed() : sendFresh());
    else if (choice < 0.9) await sendRepeat();
    else if (choice < 0.95) await sendConflict();
    else await sendInvalid();
  };
}
