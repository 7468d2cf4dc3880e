import type { Request } from 'express';
import type { Credential } from '../../shared/authz/credential';
import type { Admission } from '../../shared/authz/authorizer';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import { MAX_EVENT_BYTES } from '../../shared/domain/event';
import { type Tenant, tenantOf } from '../../shared/domain/ids';
import type { CountedRequest } from '../../shared/domain/usage';
import { MirError, type ProblemCode } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import type { ApiContext } from '../context';
import { readIdempotencyKey } from '../http/idempotency-key';
import type { Answer, Exchange } from '../http/finish';
import { rateHeaders, rateLimited } from '../http/rate-headers';
import { MAX_EVENTS_BODY_BYTES } from '../http/body-limits';
import { type BodyKind, bodyKind, isHeavyBody, isSmallBody, readBody } from '../http/read-body';
import { readKey } from '../http/read-api-key';
import type { RawRoute } from '../http/route';
import { validateEvent } from './validate-event';
import { createAuthorizeFirst, violationOf, violationError, requireSmallBatch } from './agent-rules';
import { readSubmission, requireBatchSize } from './read-batch';
import { submitBatch } from './submit-batch';
import { createSubmitSingle } from './submit-single';
import { heavyBodies, nextSlice } from './heavy-bodies';
import { recordSingle, rejectingRequest } from './rejections-of';
import { chargeOneUnit, chargeOnCredit, SUBMIT_AUTH } from './charge-units';
import { submitEventsDoc } from './submit-events-doc';

/** A submission whose body has been read. */
interface Submitting {
  req: Request;
  key: PresentedKey;
  tenant: Tenant;
  /** Null for the partner's own key. */
  agent: Credential | null;
  requestId: string;
  counted: CountedRequest;
  sentBytes: number;
  admitted: (admission: Admission) => void;
}

/**
 * Creates the handler for `POST /events`. One Redis script call checks the key and its budget, reads the clock and
 * marks the chunks as open. Single events are validated before that call, and events with the same key that arrive in
 * the same event-loop tick share one call. The items of a batch are validated after the call. For agents and large
 * bodies, an earlier call only checks that the key may submit events.
 */
function createSubmitEvents(ctx: ApiContext): (exchange: Exchange) => Promise<Answer> {
  const submitSingle = createSubmitSingle(ctx);
  const authorizeFirst = createAuthorizeFirst(ctx);
  const rejectedEvents = ctx.metrics.eventsSubmitted.refused;

  const tooManyEvents = (admission: Admission, units: number): PublicError => {
    ctx.metrics.rateLimited.events.inc();
    return rateLimited(admission, units);
  };

  /** Charges a rejected submission. Throws 429 if the budget is exhausted. */
  const chargeRejected = async (key: PresentedKey, units: number, counted: CountedRequest): Promise<Admission> => {
    // Charge more than the remaining budget only for substantial work. Otherwise, an agent over its limit could drain
    // its partner's budget with small requests.
    const admission = await (units > 1 ? chargeOnCredit(ctx, key, units, counted) : chargeOneUnit(ctx, key, counted));
    if (admission.granted[0] !== 0) return admission;
    throw tooManyEvents(admission, 1);
  };

  const single = async (submitting: Submitting, event: unknown) => {
    const { req, key, tenant, agent, requestId, counted, sentBytes, admitted } = submitting;
    const agentId = agent?.agent?.agentId ?? null;
    const checked = validateEvent(ctx, tenant, withHeaderKey(req, event), Date.now(), agentId);
    if (Array.isArray(checked)) {
      rejectedEvents.inc();
      throw new PublicError('VALIDATION_FAILED', 'The event is not valid. Fix the problems listed in `errors`.', {
        errors: checked,
      });
    }
    const rejection = agent && violationOf(agent, checked);
    if (rejection) {
      rejectedEvents.inc();
      throw violationError(rejection);
    }
    const { receipt, admission } = await submitSingle({ key, event: checked, requestId, counted, sentBytes });
    admitted(admission);
    return receipt;
  };

  return async ({ req, res, requestId, headers, counted }) => {
    const key = readKey(req);
    const tenant = tenantOf(key.partnerId, key.env);
    const small = isSmallBody(req);
    let charged = false;
    const admitted = (admission: Admission): void => {
      charged = true;
      Object.assign(headers, rateHeaders(admission));
    };
    let units = 1;
    let wasRead = false;
    let sentEvent: { event: unknown } | null = null;

    const submit = async (kind: BodyKind, known: Admission | null): Promise<unknown> => {
      // Do not read a large body if the budget is exhausted.
      if (known?.budget && known.budget.left < 1 && !small) throw tooManyEvents(known, 1);
      // Until the body is read, its Content-Length determines the cost.
      if (!small) units = SUBMIT_AUTH.unitsOf(1, Number(req.headers['content-length'] ?? 0));
      const body = await readBody(req, res, MAX_EVENTS_BODY_BYTES);
      const sentBytes = body.length;
      wasRead = true;
      if (sentBytes > MAX_EVENT_BYTES) {
        units = SUBMIT_AUTH.unitsOf(1, sentBytes);
        await nextSlice(tenant);
      }
      const submission = readSubmission(kind, body);
      const agent = known?.credential.agent ? known.credential : null;
      const submitting = { req, key, tenant, agent, requestId, counted, sentBytes, admitted };
      if ('event' in submission) {
        sentEvent = submission;
        return single(submitting, submission.event);
      }
      const { items, unscanned } = submission;
      units = SUBMIT_AUTH.unitsOf(items.length, sentBytes);
      if (req.headers['idempotency-key'] !== undefined) {
        throw new PublicError(
          'IDEMPOTENCY_KEY_INVALID',
          'The Idempotency-Key header is not allowed on a batch. Set idempotencyKey on each item instead.',
        );
      }
      requireBatchSize(items.length);
      if (agent) requireSmallBatch(agent, items.length);
      return submitBatch(ctx, { items, unscanned, ...submitting });
    };

    try {
      const kind = bodyKind(req, ['json', 'ndjson']);
      const known = key.agent || !small ? await authorizeFirst(key, counted) : null;
      if (small || !isHeavyBody(req)) return { status: 202, body: await submit(kind, known) };
      // Authorize again after waiting, because other requests may have spent the budget.
      const receipt = await heavyBodies.run(async () => submit(kind, await authorizeFirst(key, counted)), tenant);
      return { status: 202, body: receipt };
    } catch (error) {
      const isInputError = !charged && error instanceof MirError && INPUT_ERRORS.has(error.code);
      if (isInputError) {
        // An oversized body was read and decompressed only up to the limit, so charge for that much.
        const isCutOff = error.code === 'BODY_TOO_LARGE' && !wasRead;
        const cost = isCutOff ? SUBMIT_AUTH.unitsOf(1, MAX_EVENTS_BODY_BYTES) : units;
        const admission = await chargeRejected(key, cost, counted);
        admitted(admission);
        // Only now is it certain that the tenant's own key sent the event.
        if (recordSingle(ctx, rejectingRequest(tenant, requestId, admission), sentEvent, error)) {
          counted.rejectedEvents = 1;
          ctx.rejectedShares.count(tenant, 0, 1);
        }
      }
      throw error;
    }
  };
}

/** Handles `POST /events`. */
export const submitEventsRoute: RawRoute = {
  ...submitEventsDoc,
  auth: SUBMIT_AUTH,
  rawBody: true,
  createHandler: createSubmitEvents,
};

/** Input errors. A submission rejected with one of these codes is charged like a valid submission. */
const INPUT_ERRORS: ReadonlySet<ProblemCode> = new Set([
  'UNSUPPORTED_MEDIA_TYPE',
  'INVALID_ENCODING',
  'BODY_TOO_LARGE',
  'INVALID_JSON',
  'VALIDATION_FAILED',
  'TOO_MANY_EVENTS',
  'IDEMPOTENCY_KEY_INVALID',
  'IDEMPOTENCY_KEY_REUSED',
  'IDEMPOTENCY_KEY_REQUIRED',
  'BULK_LIMIT_EXCEEDED',
  'EVENT_TYPE_NOT_ALLOWED',
  'ENTERPRISE_REQUIRED',
]);

/** Adds the key from the `Idempotency-Key` header to the event. Throws 400 if the header and the field differ. */
function withHeaderKey(req: Request, body: unknown): unknown {
  const header = readIdempotencyKey(req);
  if (header === null || typeof body !== 'object' || body === null) return body;
  const own = (body as { idempotencyKey?: unknown }).idempotencyKey;
  if (own !== undefined && own !== header) {
    throw new PublicError(
      'IDEMPOTENCY_KEY_INVALID',
      'The Idempotency-Key header and the idempotencyKey field have different values. Send only one of them.',
    );
  }
  return { ...body, idempotencyKey: header };
}
