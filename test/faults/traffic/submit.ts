import { setTimeout as delay } from 'node:timers/promises';
import type { SubmittedEvent } from '../../../shared/domain/event';
import type { ExpectedPartner, Oracle, SampledReceipt } from '../oracle/oracle';
import type { Random } from '../random';
import type { Reply, Transport } from './transport';

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 1_000;
const RETRIED = new Set([429, 503]);

/** What a client needs to submit events. */
export interface ClientDeps {
  oracle: Oracle;
  transport: Transport;
  random: Random;
  report: (violation: string) => void;
  /** Aborted when the run fails, so that clients stop retrying. */
  abandoned: AbortSignal;
}

export interface Submission {
  kind: string;
  partner: ExpectedPartner;
  /** The API key: the partner's, or an agent's. */
  key: string;
  events: SubmittedEvent[];
  /** Sent as one event instead of as a batch. */
  single?: boolean;
  /** Indexes of the events that MIR must reject. */
  invalid?: ReadonlySet<number>;
  /** Whether the events are new. A repeat or a conflict is not. */
  fresh: boolean;
  /** The IDs that a repeat must get. */
  eventIds?: readonly (string | null)[];
  outcomes?: SampledReceipt['outcomes'];
}

export interface Acknowledged {
  submission: Submission;
  receiptId: string;
  eventIds: (string | null)[];
}

const isKeyed = ({ events }: Submission): boolean => events[0]!.idempotencyKey !== undefined;

/** Calls `send` until it returns a reply that is neither null nor a rejection that asks for a retry. */
export async function untilReplied(
  { oracle, abandoned }: Pick<ClientDeps, 'oracle' | 'abandoned'>,
  send: () => Promise<Reply | null>,
): Promise<{ reply: Reply; attempts: number } | null> {
  for (let attempts = 1; !abandoned.aborted; attempts += 1) {
    const reply = await send();
    oracle.counted.requests += 1;
    if (reply !== null && !RETRIED.has(reply.status)) return { reply, attempts };
    oracle.counted.retries += 1;
    await delay(Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(attempts, 10), BACKOFF_MAX_MS));
  }
  return null;
}

/**
 * Submits events until MIR acknowledges them, and records what it acknowledged. Events without idempotency keys are sent
 * once, because a repeat could double them. Returns null if the events were not acknowledged.
 */
export async function submit(deps: ClientDeps, submission: Submission): Promise<Acknowledged | null> {
  const { oracle, transport, random, report } = deps;
  const { partner, key, events, single = false, invalid = new Set(), fresh, kind } = submission;
  const valid = events.filter((_, index) => !invalid.has(index));
  if (fresh) for (const { userExternalId } of valid) oracle.userOf(partner, userExternalId).submitted += 1;
  const body = single ? events[0] : { events };
  const send = (): Promise<Reply | null> => transport.post(transport.anyApi(random), '/v1/events', key, body);
  if (!isKeyed(submission)) {
    const reply = await send();
    oracle.counted.requests += 1;
    if (reply?.status === 202) return acknowledge(deps, submission, reply, 1);
    // MIR rejects with 429 before it accepts anything.
    if (reply?.status === 429) {
      for (const { userExternalId } of valid) oracle.userOf(partner, userExternalId).submitted -= 1;
      return null;
    }
    for (const { userExternalId } of valid) oracle.userOf(partner, userExternalId).uncertain += 1;
    oracle.counted.uncertain += valid.length;
    if (reply !== null && reply.status !== 503) report(unexpected(kind, reply));
    return null;
  }
  const replied = await untilReplied(deps, send);
  if (replied === null) return null;
  const { reply, attempts } = replied;
  if (reply.status === 202 && valid.length > 0) return acknowledge(deps, submission, reply, attempts);
  const isExpected =
    reply.status === 422 &&
    (valid.length === 0 || (single && kind === 'conflict' && reply.body.code === 'IDEMPOTENCY_KEY_REUSED'));
  if (!isExpected) report(unexpected(kind, reply));
  return null;
}

const unexpected = (kind: string, { status, body }: Reply): string =>
  `a ${kind} submission was rejected with ${status} ${JSON.stringify(body)}`;

function acknowledge(
  { oracle, report, random }: ClientDeps,
  submission: Submission,
  { body }: Reply,
  attempts: number,
): Acknowledged {
  const { kind, partner, events, invalid = new Set(), fresh, single = false, outcomes } = submission;
  const eventIds: (string | null)[] = single ? [body.eventId] : body.eventIds;
  const { receiptId } = body as { receiptId: string };
  const receivedAtMs = Date.parse(body.receivedAt);
  const acknowledgedAtMs = Date.now();
  events.forEach(({ userExternalId }, index) => {
    const eventId = eventIds[index] ?? null;
    if ((eventId === null) !== invalid.has(index)) {
      report(`item ${index} of a ${kind} submission was ${eventId === null ? 'rejected' : 'accepted'}`);
    } else if (fresh && eventId !== null) {
      oracle.acknowledge(partner, userExternalId, { eventId, receiptId, receivedAtMs, acknowledgedAtMs });
    }
  });
  if (submission.eventIds?.some((eventId, index) => eventIds[index] !== eventId)) {
    report(`a repeat returned other event IDs: ${eventIds.slice(0, 3).join(', ')}`);
  }
  const accepted = events.length - invalid.size;
  // After a lost response, the first attempt may have stored the events.
  const known = outcomes ?? (fresh && attempts === 1 ? { persisted: accepted } : {});
  // The partner's own key, because an agent's key may be revoked by the time the receipt is read.
  const key = partner.partner.liveKey;
  oracle.sampleReceipt({ kind, key, receiptId, acknowledgedAtMs, accepted, outcomes: known }, random);
  return { submission, receiptId, eventIds };
}
