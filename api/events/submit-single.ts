import type { Admission } from '../../shared/authz/authorizer';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import { newChunkId, tenantOf } from '../../shared/domain/ids';
import type { CountedRequest } from '../../shared/domain/usage';
import { signReceipt } from '../../shared/domain/receipt';
import { PublicError } from '../http/public-error';
import { coalesce, type Coalesced } from '../../shared/concurrency/coalesce';
import type { SpanContext } from '../../shared/tracing/tracing';
import { MAX_EVENTS_PER_CHUNK } from '../../shared/queue/event-chunk';
import type { ApiContext } from '../context';
import { rateLimited } from '../http/rate-headers';
import { createReusedKeys } from './reused-keys';
import { type ValidatedEvent, assignEventId } from './validate-event';
import { isRestricted, requireSubmitter, violationOf, violationError } from './agent-rules';
import { authorizeSubmission, requireRoom } from './charge-units';

interface SingleReceipt {
  eventId: string;
  receiptId: string;
  status: 'ACCEPTED';
  receivedAt: string;
}
export interface SubmittedSingle {
  receipt: SingleReceipt;
  admission: Admission;
}

type Deps = Pick<
  ApiContext,
  | 'authorizer'
  | 'store'
  | 'eventQueue'
  | 'overload'
  | 'secrets'
  | 'metrics'
  | 'rejectedShares'
  | 'tracing'
  | 'keyedIdsFromMs'
>;

export interface Single {
  key: PresentedKey;
  event: ValidatedEvent;
  requestId: string;
  counted: CountedRequest;
  /** Size of the body in bytes. */
  sentBytes: number;
}

type Waiting = Coalesced<Single & { span: SpanContext | null }, SubmittedSingle>;

/**
 * Returns a function that submits single events. Events with the same API key that arrive in one event-loop tick share
 * a Redis script call, a chunk and a job.
 */
export function createSubmitSingle(deps: Deps): (single: Single) => Promise<SubmittedSingle> {
  const { eventQueue, secrets, metrics, rejectedShares, tracing, keyedIdsFromMs } = deps;
  const reusedKeys = createReusedKeys(deps);
  const accepted = metrics.eventsSubmitted.accepted;

  /** Throws 422 if the event's key belongs to a stored event with different content. */
  const rejectReusedKey = async ({ key, event, counted }: Single): Promise<void> => {
    // Authorize first, so that a caller without a budget cannot cause database reads.
    const admission = await authorizeSubmission(deps, key, [], [counted]);
    requireSubmitter(admission.credential, key);
    if (admission.budget && admission.budget.left < 1) {
      metrics.rateLimited.events.inc();
      throw rateLimited(admission, 1);
    }
    const firstAt = await reusedKeys.firstReceivedAt(tenantOf(key.partnerId, key.env), event);
    if (firstAt === null) return;
    const message = `Already used by an event with different content, which MIR received at ${firstAt.toISOString()}.`;
    throw new PublicError(
      'IDEMPOTENCY_KEY_REUSED',
      'This idempotency key was already used with a different body. Use a new key, or resend the original body.',
      { errors: [{ path: 'idempotencyKey', code: 'IDEMPOTENCY_KEY_REUSED', message }] },
    );
  };

  /** Rejects the events that the key was not allowed to submit at admission, and returns the others. */
  const stillAllowed = ({ credential }: Admission, group: Waiting[]): Waiting[] => {
    if (!isRestricted(credential)) return group;
    return group.filter(({ item: { event, key }, reject }) => {
      try {
        requireSubmitter(credential, key);
        const violation = violationOf(credential, event);
        if (violation) throw violationError(violation);
        return true;
      } catch (error) {
        reject(error);
        return false;
      }
    });
  };

  const submitGroup = async (group: Waiting[]): Promise<void> => {
    const { key, event } = group[0]!.item;
    const { tenant } = event;
    const requests = group.map(({ item }) => item.counted);
    requireRoom(deps, key, requests);
    const chunkId = newChunkId(Date.now());
    // No single event is large enough to cost more than one unit.
    const entry = { cost: group.length, grant: 'part' as const, chunkIds: [chunkId] };
    const authorizedAt = performance.now();
    const admission = await authorizeSubmission(deps, key, [entry], requests);
    const admitted = group.slice(0, admission.granted[0]);
    for (const { reject } of group.slice(admitted.length)) {
      metrics.rateLimited.events.inc();
      reject(rateLimited(admission, 1));
    }
    if (admitted.length === 0) return;
    const granted = stillAllowed(admission, admitted);
    if (granted.length === 0) return await eventQueue.discard([{ chunkId, tenant }]);
    const receivedAtMs = admission.nowMs!;
    const keyedIds = receivedAtMs >= keyedIdsFromMs;
    const events = granted.map(({ item }, index) => assignEventId(item.event, chunkId, index, keyedIds));
    const requestIds = granted.map(({ item }) => item.requestId);
    const agentId = admission.credential.agent?.agentId ?? null;
    const chunk = { chunkId, tenant, agentId, receivedAtMs, requestIds, shared: true, keyedIds, events };
    const sentBytes = granted.reduce((sum, { item }) => sum + item.sentBytes, 0) / granted.length;
    const { openChunks, credential } = admission;
    const { queueSharePercent: sharePercent } = credential;
    const spans = granted.map(({ item }) => item.span);
    await eventQueue.add([chunk], { openChunks, sentBytes, authorizedAt, sharePercent, spans });
    accepted.inc(granted.length);
    rejectedShares.count(tenant, granted.length, 0);
    const receivedAt = new Date(receivedAtMs).toISOString();
    granted.forEach(({ resolve, item }, index) => {
      const { eventId } = events[index]!;
      reusedKeys.remember(item.event);
      const receiptId = signReceipt(secrets.receipt, tenant, {
        base: chunkId,
        chunks: 1,
        slot: index,
        accepted: 1,
        receivedAtMs,
      });
      resolve({ receipt: { eventId, receiptId, status: 'ACCEPTED', receivedAt }, admission });
    });
  };

  const submit = coalesce(submitGroup, { maxItems: MAX_EVENTS_PER_CHUNK, keyOf: ({ key }) => key.hash });

  return async (single) => {
    if (reusedKeys.maybeReused(single.event)) await rejectReusedKey(single);
    return submit({ ...single, span: tracing.activeSpan() });
  };
}
