import type { Admission } from '../../shared/authz/authorizer';
import type { Tenant } from '../../shared/domain/ids';
import { eventTypeOf, fieldOf, type Rejection } from '../../shared/domain/rejected-event';
import type { FieldError, MirError, ProblemCode } from '../../shared/errors';
import type { RejectingRequest } from '../../shared/rejections/record-rejections';
import type { ApiContext } from '../context';

/** Codes with which a request is rejected because of its single event. */
const CODES_OF_EVENTS: ReadonlySet<ProblemCode> = new Set([
  'VALIDATION_FAILED',
  'IDEMPOTENCY_KEY_INVALID',
  'IDEMPOTENCY_KEY_REUSED',
  'IDEMPOTENCY_KEY_REQUIRED',
  'EVENT_TYPE_NOT_ALLOWED',
]);

export function rejectingRequest(tenant: Tenant, requestId: string, admission: Admission): RejectingRequest {
  const { credential, nowMs } = admission;
  return { tenant, requestId, agentId: credential.agent?.agentId ?? null, atMs: nowMs ?? Date.now() };
}

/** Returns what to record about the rejected items of a batch. */
export function rejectionsOf({
  errors,
  rejectedTypes,
}: {
  errors: readonly ({ index: number } & FieldError)[];
  rejectedTypes: ReadonlyMap<number, string | null>;
}): Rejection[] {
  return errors.map(({ index, code, path }) => ({
    index,
    code,
    path: fieldOf(path),
    eventType: rejectedTypes.get(index) ?? null,
  }));
}

/** Records why a request with a single event was rejected. Returns false if the cause was not the event. */
export function recordSingle(
  { rejections }: Pick<ApiContext, 'rejections'>,
  request: RejectingRequest,
  sent: { event: unknown } | null,
  { code, more: { errors } }: MirError,
): boolean {
  if (sent === null || !CODES_OF_EVENTS.has(code)) return false;
  const problems = errors && errors.length > 0 ? errors : [{ code, path: '' }];
  const eventType = eventTypeOf(sent.event);
  rejections.record(
    request,
    problems.map((problem) => ({ index: 0, code: problem.code, path: fieldOf(problem.path), eventType })),
  );
  return true;
}
