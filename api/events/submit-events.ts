import type { Request, RequestHandler, Response } from 'express';
import type { Credential } from '../../shared/access/credential';
import type { ParsedApiKey } from '../../shared/domain/api-key';
import { tenantOf } from '../../shared/domain/ids';
import { MirError, type ProblemCode } from '../../shared/platform/errors';
import type { ApiContext } from '../context';
import { readIdempotencyKey } from '../http/idempotency-key';
import { sendProblem } from '../http/problem';
import { rateHeaders, rateLimited } from '../http/rate-headers';
import { bodyKind, isSmallBody, MAX_EVENTS_BODY_BYTES, parseJson, readText } from '../http/read-body';
import { readKey } from '../http/read-key';
import { requestIdOf } from '../http/request-id';
import { leaveIfDraining, send } from '../http/respond';
import { checkEvent } from './accept';
import { createAdmitAgent, refusalOf, refused, requireSmallBatch } from './agent-rules';
import { itemsOfBatch, itemsOfLines } from './read-batch';
import { type Batch, checkBatch, submitBatch } from './submit-batch';
import { createSubmitSingle } from './submit-single';

/**
 * `POST /events`. It is not an ordinary route: authority, budget, clock and marker are one script call that comes
 * after validation, and single posts of one turn share it. Only a large body is preceded by a check of its key, and an
 * agent's input by a look at what that agent may do.
 */
export function submitEventsHandler(ctx: ApiContext): RequestHandler {
  const submitSingle = createSubmitSingle(ctx);
  const admitAgent = createAdmitAgent(ctx);
  const refusedEvents = ctx.metrics.eventsSubmitted.refused;

  /** Answers what is wrong with the input, but only to a caller whose key is good, and charged as a request. */
  const refuse = async (key: ParsedApiKey, error: MirError, headers: Record<string, string>): Promise<never> => {
    const admission = await ctx.door.enter(key, 'requests', 'events:write', [
      { cost: 1, divisible: false, chunkIds: [] },
    ]);
    Object.assign(headers, rateHeaders(admission));
    if (admission.granted[0] !== 0) throw error;
    ctx.metrics.rateLimited.requests.inc();
    throw rateLimited(admission, 1);
  };

  const single = async (
    req: Request,
    key: ParsedApiKey,
    { body, sentBytes }: { body: unknown; sentBytes: number },
    agent: Credential | null,
    requestId: string,
    headers: Record<string, string>,
  ): Promise<unknown> => {
    const checked = checkEvent(ctx, tenantOf(key.partnerId, key.env), withHeaderKey(req, body), Date.now());
    if (Array.isArray(checked)) {
      refusedEvents.inc();
      throw new MirError('VALIDATION_FAILED', 'The event has problems; `errors` names them all.', { errors: checked });
    }
    const refusal = agent && refusalOf(agent, checked);
    if (refusal) {
      refusedEvents.inc();
      throw refused(refusal);
    }
    const { receipt, admission } = await submitSingle({ key, event: checked, requestId, sentBytes });
    Object.assign(headers, rateHeaders(admission));
    return receipt;
  };

  const batch = async (
    req: Request,
    key: ParsedApiKey,
    sent: Batch,
    agent: Credential | null,
    requestId: string,
    headers: Record<string, string>,
  ): Promise<unknown> => {
    if (req.headers['idempotency-key'] !== undefined) {
      throw new MirError('IDEMPOTENCY_KEY_INVALID', 'A batch takes an idempotencyKey per item, not the header.');
    }
    if (agent) requireSmallBatch(agent, sent.items.length);
    const checked = checkBatch(ctx, tenantOf(key.partnerId, key.env), sent, Date.now(), agent);
    const rejected = sent.items.length - checked.good.length;
    if (rejected > 0) refusedEvents.inc(rejected);
    if (checked.good.length === 0) {
      const errors = checked.errors.map(({ index, path, ...rest }) => ({
        path: `events.${index}${path && `.${path}`}`,
        ...rest,
      }));
      throw new MirError('VALIDATION_FAILED', 'No event of the batch is valid; `errors` names them all.', { errors });
    }
    const { receipt, admission } = await submitBatch(ctx, key, checked, requestId);
    Object.assign(headers, rateHeaders(admission));
    return receipt;
  };

  const run = async (
    req: Request,
    res: Response,
    requestId: string,
    headers: Record<string, string>,
  ): Promise<unknown> => {
    const key = readKey(req);
    try {
      const kind = bodyKind(req, ['json', 'ndjson']);
      const agent = key.agent ? await admitAgent(key) : null;
      if (!agent && !isSmallBody(req)) await ctx.door.enter(key, 'requests', 'events:write', []);
      const text = await readText(req, res, MAX_EVENTS_BODY_BYTES);
      if (kind === 'ndjson')
        return await batch(req, key, { items: itemsOfLines(text), sentBytes: text.length }, agent, requestId, headers);
      const body = parseJson(text);
      const items = itemsOfBatch(body);
      return items
        ? await batch(req, key, { items, sentBytes: text.length }, agent, requestId, headers)
        : await single(req, key, { body, sentBytes: text.length }, agent, requestId, headers);
    } catch (error) {
      // Whatever the input's fault: first it is settled whose input it is.
      const inputFault = error instanceof MirError && INPUT_FAULTS.has(error.code);
      if (inputFault) return refuse(key, error, headers);
      throw error;
    }
  };

  return (req, res) => {
    const requestId = requestIdOf(req);
    const headers: Record<string, string> = { 'X-Request-Id': requestId };
    run(req, res, requestId, headers).then(
      (receipt) => {
        leaveIfDraining(ctx, headers);
        send(res, 202, receipt, headers);
      },
      (error: unknown) => {
        leaveIfDraining(ctx, headers);
        sendProblem(res, error, { requestId, log: ctx.log, headers });
      },
    );
  };
}

/** Faults of the input, found before the door charged anything for it. */
const INPUT_FAULTS: ReadonlySet<ProblemCode> = new Set([
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

/** The event with the key of the `Idempotency-Key` header; both given must agree. */
function withHeaderKey(req: Request, body: unknown): unknown {
  const header = readIdempotencyKey(req);
  if (header === null || typeof body !== 'object' || body === null) return body;
  const own = (body as { idempotencyKey?: unknown }).idempotencyKey;
  if (own !== undefined && own !== header) {
    throw new MirError('IDEMPOTENCY_KEY_INVALID', 'Header Idempotency-Key and field idempotencyKey differ; send one.');
  }
  return { ...body, idempotencyKey: header };
}
