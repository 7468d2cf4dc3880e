import type { Credential } from '../../shared/access/credential';
import type { Admission } from '../../shared/access/door';
import type { ParsedApiKey } from '../../shared/domain/api-key';
import { type ChunkId, type EventId, newChunkId, type Tenant } from '../../shared/domain/ids';
import { chunkIdAt, signReceipt } from '../../shared/domain/receipt';
import { type FieldError, MirError } from '../../shared/platform/errors';
import { settleChunks } from '../../shared/queue/enqueue';
import { type EventChunk, MAX_EVENTS_PER_CHUNK } from '../../shared/queue/jobs';
import type { ApiContext } from '../context';
import { rateHeaders, rateLimited } from '../http/rate-headers';
import { type AcceptDeps, checkEvent, type CheckedEvent, placeEvent } from './accept';
import { refusalOf, refused, requireAgentPlan } from './agent-rules';

/** More than an event has fields; items of junk fields must not be answered with many times their own size. */
const MAX_ERRORS_PER_ITEM = 20;

/** One item of a batch: the event's JSON value, or why its line could not be read. */
export type BatchItem = { value: unknown } | { unreadable: FieldError };

/** A batch as it was read: its items and its size as text. */
export interface Batch {
  items: BatchItem[];
  sentBytes: number;
}

export interface ItemError extends FieldError {
  index: number;
}
export interface CheckedBatch {
  tenant: Tenant;
  good: { index: number; event: CheckedEvent }[];
  /** Id of each item by its index; null at a rejected one. Filled for keyed events at once, for others when placed. */
  eventIds: (EventId | null)[];
  errors: ItemError[];
  /** Size of an item as it was sent, on average. */
  sentBytes: number;
}

/**
 * Checks every item; the good ones go on, the bad ones are named. One key with two contents is an item error, and so
 * is what the agent may not submit whose key it is (`agent` null: the partner's own).
 */
export function checkBatch(
  deps: AcceptDeps,
  tenant: Tenant,
  { items, sentBytes }: Batch,
  nowMs: number,
  agent: Credential | null = null,
): CheckedBatch {
  const batch: CheckedBatch = {
    tenant,
    good: [],
    eventIds: items.map(() => null),
    errors: [],
    sentBytes: sentBytes / items.length,
  };
  const contents = new Map<EventId, string>();
  items.forEach((item, index) => {
    const checked = 'value' in item ? checkEvent(deps, tenant, item.value, nowMs) : [item.unreadable];
    if (Array.isArray(checked)) {
      for (const error of checked.slice(0, MAX_ERRORS_PER_ITEM)) batch.errors.push({ index, ...error });
      return;
    }
    const refusal = agent && refusalOf(agent, checked);
    if (refusal) {
      batch.errors.push({ index, ...refusal });
      return;
    }
    const { keyedId, accepted } = checked;
    if (keyedId !== null) {
      const before = contents.get(keyedId);
      if (before !== undefined && before !== accepted.fingerprint) {
        batch.errors.push({
          index,
          code: 'IDEMPOTENCY_KEY_REUSED',
          path: 'idempotencyKey',
          message: 'an earlier item of this batch has the same key with other content',
        });
        return;
      }
      contents.set(keyedId, accepted.fingerprint!);
    }
    batch.good.push({ index, event: checked });
  });
  return batch;
}

export interface BatchReceipt {
  receiptId: string;
  accepted: number;
  rejected: number;
  eventIds: (string | null)[];
  errors: ItemError[];
  receivedAt: string;
}

type Deps = Pick<
  ApiContext,
  'door' | 'eventQueue' | 'durably' | 'overload' | 'secrets' | 'metrics' | 'queueLink' | 'keys'
>;

/** Cuts events into chunks and thereby gives them their ids. */
function cutChunks(base: ChunkId, { good, tenant }: CheckedBatch, requestId: string): EventChunk[] {
  const chunks: EventChunk[] = [];
  for (let at = 0; at < good.length; at += MAX_EVENTS_PER_CHUNK) {
    const chunkId = chunkIdAt(base, chunks.length);
    const events = good
      .slice(at, at + MAX_EVENTS_PER_CHUNK)
      .map(({ index, event }) => placeEvent(event, chunkId, index));
    chunks.push({ chunkId, tenant, agentId: null, receivedAtMs: 0, requestIds: [requestId], shared: false, events });
  }
  return chunks;
}

/**
 * What of a batch its agent may still submit: its rights, as they were when the batch entered, are what counts. Items
 * refused are named; chunks that are not needed any more end their marks. Throws when nothing is left.
 */
async function keepAllowed(
  { queueLink, keys }: Deps,
  credential: Credential,
  batch: CheckedBatch,
  chunks: EventChunk[],
  cut: (batch: CheckedBatch) => EventChunk[],
): Promise<EventChunk[]> {
  try {
    requireAgentPlan(credential);
  } catch (error) {
    await settleChunks(queueLink, keys, chunks);
    throw error;
  }
  const refusals = batch.good.map(({ event }) => refusalOf(credential, event));
  const first = refusals.find((refusal) => refusal !== null);
  if (!first) return chunks;
  batch.good.forEach(({ index }, n) => refusals[n] && batch.errors.push({ index, ...refusals[n] }));
  batch.good = batch.good.filter((_, n) => refusals[n] === null);
  const left = cut(batch);
  await settleChunks(queueLink, keys, chunks.slice(left.length));
  if (left.length === 0) throw refused(first);
  return left;
}

/** Submits a checked batch with at least one good item: charged whole, entered and queued as few chunks. */
export async function submitBatch(
  deps: Deps,
  key: ParsedApiKey,
  batch: CheckedBatch,
  requestId: string,
): Promise<{ receipt: BatchReceipt; admission: Admission }> {
  const { door, eventQueue, durably, overload, secrets, metrics } = deps;
  const { tenant, eventIds, errors } = batch;
  overload.check();
  const base = newChunkId(Date.now());
  const cut = (from: CheckedBatch): EventChunk[] => cutChunks(base, from, requestId);
  let chunks = cut(batch);
  // Charged as submitted: a refused event costs its check, too.
  const cost = eventIds.length;
  const entry = { cost, divisible: false, chunkIds: chunks.map(({ chunkId }) => chunkId) };
  const enteredAt = performance.now();
  const admission = await door.enter(key, 'events', 'events:write', [entry]);
  if (admission.granted[0] === 0) {
    metrics.rateLimited.events.inc();
    throw cost > admission.budget!.smallest ? exceedsLimit(cost, admission) : rateLimited(admission, cost);
  }
  const receivedAtMs = admission.nowMs!;
  const { agent } = admission.credential;
  if (agent) chunks = await keepAllowed(deps, admission.credential, batch, chunks, cut);
  const accepted = batch.good.length;
  for (const chunk of chunks) {
    chunk.receivedAtMs = receivedAtMs;
    chunk.agentId = agent?.agentId ?? null;
    for (const { index, eventId } of chunk.events) eventIds[index] = eventId;
  }
  const load = { openChunks: admission.openChunks, sentBytes: batch.sentBytes, enteredAt };
  await durably(() => eventQueue.add(chunks, load));
  metrics.eventsSubmitted.accepted.inc(accepted);
  const facts = { base, chunks: chunks.length, slot: null, accepted, receivedAtMs };
  const receipt: BatchReceipt = {
    receiptId: signReceipt(secrets.receipt, tenant, facts),
    accepted,
    rejected: eventIds.length - accepted,
    eventIds,
    errors,
    receivedAt: new Date(receivedAtMs).toISOString(),
  };
  return { receipt, admission };
}

function exceedsLimit(cost: number, admission: Admission): MirError {
  return new MirError(
    'BATCH_EXCEEDS_LIMIT',
    `The batch has ${cost} events, the limit is ${admission.budget!.smallest} a minute: it can never fit. Split it.`,
    { headers: rateHeaders(admission) },
  );
}
