import type { Credential } from '../../shared/authz/credential';
import type { Admission } from '../../shared/authz/authorizer';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import { MAX_EVENT_BYTES } from '../../shared/domain/event';
import { type ChunkId, type EventId, newChunkId, type Tenant, tenantOf } from '../../shared/domain/ids';
import { chunkIdAt, signReceipt } from '../../shared/domain/receipt';
import type { CountedRequest } from '../../shared/domain/usage';
import { eventTypeOf } from '../../shared/domain/rejected-event';
import { type FieldError, MAX_LISTED_ERRORS } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import { type EventChunk, MAX_EVENTS_PER_CHUNK } from '../../shared/queue/event-chunk';
import type { ApiContext } from '../context';
import { rateLimited } from '../http/rate-headers';
import { type ValidationDeps, validateEvent, type ValidatedEvent, assignEventId } from './validate-event';
import { isRestricted, requireSubmitter, violationOf } from './agent-rules';
import { rejectingRequest, rejectionsOf } from './rejections-of';
import { requireShallow } from '../http/read-body';
import { type BatchItem, readItem, sizeOf } from './read-batch';
import { nextSlice } from './heavy-bodies';
import { authorizeSubmission, chargeOnCredit, requireRoom, SUBMIT_AUTH } from './charge-units';

/**
 * Maximum number of errors reported per item, so that unknown fields cannot inflate the response. Higher than the
 * number of event fields.
 */
const MAX_ERRORS_PER_ITEM = 20;
/** Maximum time spent validating a batch before other requests get a turn. */
const SLICE_MS = 4;
/** Amount of work between two clock reads. Each item counts as 1, plus 1 per KiB of unparsed text. */
const WORK_PER_CLOCK_READ = 32;

/** A batch as read from the body, with its size in bytes. */
export interface Batch {
  items: BatchItem[];
  sentBytes: number;
  /** See `Submission`. */
  unscanned?: Buffer | undefined;
}

interface ItemError extends FieldError {
  index: number;
}
export interface CheckedBatch {
  tenant: Tenant;
  good: { index: number; event: ValidatedEvent }[];
  /** Event ID of each item, by index. Assigned when the batch is split into chunks. Null for rejected items. */
  eventIds: (EventId | null)[];
  errors: ItemError[];
  /** Types of the items in `errors`, by index. Null unless the type has the form of an event type. */
  rejectedTypes: Map<number, string | null>;
  /** Average size of an item as sent, in bytes. */
  sentBytes: number;
}

/**
 * Returns the validated item, or null after recording its errors. Records at most one more error than a response lists,
 * so that truncation can be detected.
 */
function checkItem(
  deps: ValidationDeps,
  { tenant, errors, rejectedTypes }: CheckedBatch,
  index: number,
  item: BatchItem,
  nowMs: number,
  restricted: Credential | null,
): ValidatedEvent | null {
  const room = Math.min(MAX_ERRORS_PER_ITEM, MAX_LISTED_ERRORS + 1 - errors.length);
  const read = readItem(item, index);
  const reject = (problems: readonly FieldError[]): null => {
    if (room > 0) rejectedTypes.set(index, 'value' in read ? eventTypeOf(read.value) : null);
    for (const problem of problems.slice(0, room)) errors.push({ index, ...problem });
    return null;
  };
  if ('problem' in read) return reject([read.problem]);
  const checked = validateEvent(deps, tenant, read.value, nowMs, restricted?.agent?.agentId ?? null, room);
  if (Array.isArray(checked)) return reject(checked);
  const rejection = restricted && violationOf(restricted, checked);
  return rejection ? reject([rejection]) : checked;
}

/**
 * Validates every item in time slices, and returns the valid items and the errors of the invalid items. Rejects items
 * that reuse an earlier item's idempotency key for different content, and items that the key may not submit (`restricted`
 * is null for a key without restrictions). Throws 400 if an item makes the entire body invalid JSON or too deeply nested.
 */
export async function checkBatch(
  deps: ValidationDeps,
  tenant: Tenant,
  { items, sentBytes, unscanned }: Batch,
  nowMs: number,
  restricted: Credential | null,
): Promise<CheckedBatch> {
  const batch: CheckedBatch = {
    tenant,
    good: [],
    eventIds: items.map(() => null),
    errors: [],
    rejectedTypes: new Map(),
    sentBytes: sentBytes / items.length,
  };
  const contents = new Map<EventId, string>();
  if (sentBytes > MAX_EVENT_BYTES) await nextSlice(tenant);
  let sliceEndsAt = performance.now() + SLICE_MS;
  let work = 0;
  for (const [index, item] of items.entries()) {
    work += 1 + sizeOf(item) / 1024;
    if (work > WORK_PER_CLOCK_READ) {
      work = 0;
      if (performance.now() > sliceEndsAt) {
        await nextSlice(tenant);
        sliceEndsAt = performance.now() + SLICE_MS;
      }
    }
    const event = checkItem(deps, batch, index, item, nowMs, restricted);
    if (!event) continue;
    const { keyedId, accepted } = event;
    if (keyedId !== null) {
      const before = contents.get(keyedId);
      if (before !== undefined && before !== accepted.fingerprint) {
        if (batch.errors.length <= MAX_LISTED_ERRORS) {
          batch.rejectedTypes.set(index, accepted.eventType);
          batch.errors.push({
            index,
            code: 'IDEMPOTENCY_KEY_REUSED',
            path: 'idempotencyKey',
            message: 'Already used by an earlier event in this batch with different content.',
          });
        }
        continue;
      }
      contents.set(keyedId, accepted.fingerprint!);
    }
    batch.good.push({ index, event });
  }
  if (unscanned && batch.good.length < items.length) requireShallow(unscanned);
  return batch;
}

export interface BatchReceipt {
  receiptId: string;
  accepted: number;
  rejected: number;
  eventIds: (string | null)[];
  errors: ItemError[];
  /** Present if there are more errors than the response lists. */
  errorsTruncated?: true;
  receivedAt: string;
}

type Deps = Pick<
  ApiContext,
  | 'catalog'
  | 'authorizer'
  | 'eventQueue'
  | 'overload'
  | 'secrets'
  | 'metrics'
  | 'rejections'
  | 'rejectedShares'
  | 'keyedIdsFromMs'
>;

/** Splits a batch's valid events into chunks and assigns the events' IDs. */
function cutChunks(base: ChunkId, { good, tenant }: CheckedBatch, requestId: string, keyedIds: boolean): EventChunk[] {
  const chunks: EventChunk[] = [];
  const batch = { chunks: Math.ceil(good.length / MAX_EVENTS_PER_CHUNK), accepted: good.length };
  for (let at = 0; at < good.length; at += MAX_EVENTS_PER_CHUNK) {
    const chunkId = chunkIdAt(base, chunks.length);
    const events = good
      .slice(at, at + MAX_EVENTS_PER_CHUNK)
      .map(({ index, event }) => assignEventId(event, chunkId, index, keyedIds));
    const facts = { agentId: null, receivedAtMs: 0, requestIds: [requestId], shared: false, keyedIds, batch };
    chunks.push({ chunkId, tenant, ...facts, events });
  }
  return chunks;
}

/** A batch and its submitter. `admitted` is called as soon as the batch is charged. */
export interface BatchSubmission extends Batch {
  key: PresentedKey;
  requestId: string;
  counted: CountedRequest;
  admitted: (admission: Admission) => void;
}

/** Validates an admitted batch. Throws 422 if no event is valid. */
async function checkAdmitted(
  deps: Deps,
  sent: BatchSubmission,
  admission: Admission,
  nowMs: number,
): Promise<CheckedBatch> {
  const { key, items } = sent;
  const { credential } = admission;
  requireSubmitter(credential, key);
  const restricted = isRestricted(credential) ? credential : null;
  const batch = await checkBatch(deps, tenantOf(key.partnerId, key.env), sent, nowMs, restricted);
  const rejected = items.length - batch.good.length;
  if (rejected > 0) {
    deps.metrics.eventsSubmitted.refused.inc(rejected);
    sent.counted.rejectedEvents = rejected;
    deps.rejectedShares.count(batch.tenant, 0, rejected);
    const request = rejectingRequest(batch.tenant, sent.requestId, admission);
    deps.rejections.record(request, rejectionsOf(batch), rejected - batch.rejectedTypes.size);
  }
  if (batch.good.length > 0) return batch;
  const errors = batch.errors.map(({ index, path, ...rest }) => ({
    path: `events.${index}${path && `.${path}`}`,
    ...rest,
  }));
  throw new PublicError('VALIDATION_FAILED', 'No event in the batch is valid. Fix the problems listed in `errors`.', {
    errors,
  });
}

/**
 * Submits a batch. Before any item is validated, one call authorizes the batch, charges it in full and marks its chunks
 * as open. As a result, only a valid key with enough budget can make this process validate thousands of items.
 */
export async function submitBatch(deps: Deps, sent: BatchSubmission): Promise<BatchReceipt> {
  const { eventQueue, secrets, metrics } = deps;
  const { key, items, sentBytes, requestId, counted, admitted } = sent;
  const tenant = tenantOf(key.partnerId, key.env);
  requireRoom(deps, key, [counted]);
  const nowMs = Date.now();
  const base = newChunkId(nowMs);
  const marked = Array.from({ length: Math.ceil(items.length / MAX_EVENTS_PER_CHUNK) }, (_, n) => ({
    chunkId: chunkIdAt(base, n),
    tenant,
  }));
  const cost = SUBMIT_AUTH.unitsOf(items.length, sentBytes);
  const entry = { cost, grant: 'whole' as const, chunkIds: marked.map(({ chunkId }) => chunkId) };
  const authorizedAt = performance.now();
  const admission = await authorizeSubmission(deps, key, [entry], [counted]);
  admitted(admission);
  if (admission.granted[0] === 0) {
    metrics.rateLimited.events.inc();
    // The batch is rejected, but its large body has already been read, so charge for the work.
    if (sentBytes > MAX_EVENT_BYTES) await chargeOnCredit(deps, key, SUBMIT_AUTH.unitsOf(1, sentBytes), counted);
    throw cost > admission.budget!.smallest ? exceedsLimit(cost, admission) : rateLimited(admission, cost);
  }
  // If Redis does not respond, the markers remain until the sweep removes them.
  const unmark = (chunks: typeof marked): Promise<void> =>
    chunks.length > 0 ? eventQueue.discard(chunks).catch(() => undefined) : Promise.resolve();
  const batch = await checkAdmitted(deps, sent, admission, nowMs).catch(async (error: unknown) => {
    await unmark(marked);
    throw error;
  });
  const chunks = cutChunks(base, batch, requestId, nowMs >= deps.keyedIdsFromMs);
  const { eventIds, errors } = batch;
  const accepted = batch.good.length;
  const receivedAtMs = admission.nowMs!;
  for (const chunk of chunks) {
    chunk.receivedAtMs = receivedAtMs;
    chunk.agentId = admission.credential.agent?.agentId ?? null;
    for (const { index, eventId } of chunk.events) eventIds[index] = eventId;
  }
  const { openChunks, credential } = admission;
  const sharePercent = credential.queueSharePercent;
  const load = { openChunks, sentBytes: batch.sentBytes, authorizedAt, sharePercent };
  await Promise.all([eventQueue.add(chunks, load), unmark(marked.slice(chunks.length))]);
  metrics.eventsSubmitted.accepted.inc(accepted);
  deps.rejectedShares.count(tenant, accepted, 0);
  const facts = { base, chunks: chunks.length, slot: null, accepted, receivedAtMs };
  return {
    receiptId: signReceipt(secrets.receipt, tenant, facts),
    accepted,
    rejected: eventIds.length - accepted,
    eventIds,
    errors: errors.slice(0, MAX_LISTED_ERRORS),
    ...(errors.length > MAX_LISTED_ERRORS ? { errorsTruncated: true } : {}),
    receivedAt: new Date(receivedAtMs).toISOString(),
  };
}

function exceedsLimit(cost: number, admission: Admission): PublicError {
  return new PublicError(
    'BATCH_EXCEEDS_LIMIT',
    `The batch costs ${cost} units, more than your limit of ${admission.budget!.smallest} per minute. Split it.`,
    { params: { budget: admission.budget } },
  );
}
