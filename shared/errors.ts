/** Most errors that one response lists. A body of junk must not get a response many times its own size. */
export const MAX_LISTED_ERRORS = 1_000;

/** One wrong field of the input: JSON path, code and what to do about it. */
export interface FieldError {
  path: string;
  code: string;
  message: string;
}

/** All codes that leave this service. `api/http/problems.ts` gives each its HTTP status and its public texts. */
export type ProblemCode =
  | 'INVALID_JSON'
  | 'INVALID_ENCODING'
  | 'IDEMPOTENCY_KEY_INVALID'
  | 'IDEMPOTENCY_KEY_REQUIRED'
  | 'INVALID_REQUEST'
  | 'API_KEY_MISSING'
  | 'API_KEY_INVALID'
  | 'ADMIN_TOKEN_INVALID'
  | 'FORM_REFUSED'
  | 'SCOPE_MISSING'
  | 'AGENT_KEY_REVOKED'
  | 'AGENT_SUSPENDED'
  | 'EVENT_TYPE_NOT_ALLOWED'
  | 'SPAWN_DISABLED'
  | 'ESCALATION_DENIED'
  | 'NOT_YOUR_DESCENDANT'
  | 'HUMAN_REQUIRED'
  | 'PARTNER_SUSPENDED'
  | 'ENTERPRISE_REQUIRED'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'AGENT_REVOKED'
  | 'AGENT_STATE'
  | 'POLICY_LIMIT'
  | 'CONFLICT'
  | 'TOO_MANY_LINK_REQUESTS'
  | 'RETURN_URL_NOT_ALLOWED'
  | 'WEBHOOK_URL_NOT_ALLOWED'
  | 'BODY_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'VALIDATION_FAILED'
  | 'TOO_MANY_EVENTS'
  | 'BULK_LIMIT_EXCEEDED'
  | 'PRESET_NOT_ALLOWED'
  | 'ALLOWLIST_REQUIRED'
  | 'BATCH_EXCEEDS_LIMIT'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'RATE_LIMITED'
  | 'INTERNAL'
  | 'OVERLOADED'
  | 'LINKING_UNAVAILABLE'
  | 'STORE_UNAVAILABLE';

/** Why a call is OVERLOADED, with the internal message of each reason. `api/http/details.ts` words them for callers. */
const OVERLOADS = {
  QUEUE_STORE_UNREACHABLE: 'the queue store is not connected',
  QUEUE_STORE_SILENT: 'the queue store did not respond while a caller was authorized',
  AUTHORITY_CHANGING: 'the rows of a key stayed fenced for too long',
  FENCE_FAILED: 'the cached rows of a change could not be fenced, so the change was not made',
  FENCE_NOT_REMOVED: 'a change is committed, but its fence could not be removed',
  FSYNC_UNCONFIRMED: 'events are queued, but their fsync is not confirmed',
  ADMISSION_EXPIRED: 'too much time passed between authorizing events and queueing them',
  ENQUEUE_UNCONFIRMED: 'the queue store did not confirm an add of events',
  QUEUE_FULL: 'the events queue has reached its limit of bytes',
  QUEUE_STORE_FULL: 'the queue store has nearly reached its limit of memory',
  MAILS_UNAVAILABLE: 'the mails queue did not respond',
  MAILS_FULL: 'too many mails wait in their queue',
  LONG_WORK_FULL: 'too many long responses are in progress',
  LOCK_QUEUE_FULL: 'too many changes of one subject wait in this process',
  LOCK_TIMEOUT: 'a change waited too long for those before it',
  LOG_INS_FULL: 'too many passwords wait to be hashed',
  PROVIDER_SILENT: 'the OpenID Connect provider did not respond',
} as const;

export type OverloadReason = keyof typeof OVERLOADS;

/** Facts from which `api/http` words an error and its headers. */
export interface ErrorParams {
  reason?: OverloadReason;
  /** The scope that a key lacks. */
  scope?: string;
  /** What the caller may still spend. */
  budget?: { policy: string; capacity: number; left: number } | null;
}

/** An expected error: a code, an internal message for logs, and facts. Its public text belongs to `api/http`. */
export class MirError extends Error {
  constructor(
    readonly code: ProblemCode,
    message: string,
    readonly more: {
      params?: ErrorParams;
      errors?: FieldError[];
      retryAfterSeconds?: number;
      cause?: unknown;
    } = {},
  ) {
    super(`${code}: ${message}`, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'MirError';
  }
}

/** A dependency is away, too slow or full. The reason says whether anything was stored. */
export function overloaded(reason: OverloadReason, retryAfterSeconds = 2, cause?: unknown): MirError {
  return new MirError('OVERLOADED', OVERLOADS[reason], { params: { reason }, retryAfterSeconds, cause });
}

/** The document store is away, or too slow. */
export function storeUnavailable(cause?: unknown): MirError {
  return new MirError('STORE_UNAVAILABLE', 'the document store did not respond', { retryAfterSeconds: 2, cause });
}

/** The text of anything thrown. By its shape: an error may come from another realm. */
export function messageOf(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
  return typeof message === 'string' ? message : String(error);
}

/** Causes that `messageWithCauses` follows; more are a cycle. */
const MAX_CAUSES = 5;

/** Returns the text of anything thrown and of what caused it, for logs: responses never show a cause. */
export function messageWithCauses(error: unknown): string {
  const messages: string[] = [];
  for (let cause = error; cause !== undefined && messages.length <= MAX_CAUSES;) {
    messages.push(messageOf(cause));
    cause = typeof cause === 'object' && cause !== null && 'cause' in cause ? cause.cause : undefined;
  }
  return messages.join('; caused by: ');
}
