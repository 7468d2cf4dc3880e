/** Maximum number of errors in one response. Keeps an invalid request body from causing a much larger response. */
export const MAX_LISTED_ERRORS = 1_000;

/** An invalid input field: its JSON path, an error code, and how to fix it. */
export interface FieldError {
  path: string;
  code: string;
  message: string;
}

/** Every public error code. `api/http/problems.ts` maps each one to an HTTP status and public text. */
export type ProblemCode =
  | 'INVALID_JSON'
  | 'INVALID_ENCODING'
  | 'IDEMPOTENCY_KEY_INVALID'
  | 'IDEMPOTENCY_KEY_REQUIRED'
  | 'INVALID_REQUEST'
  | 'API_KEY_AMBIGUOUS'
  | 'API_KEY_MISSING'
  | 'API_KEY_INVALID'
  | 'API_KEY_EXPIRED'
  | 'SESSION_INVALID'
  | 'LOG_IN_FAILED'
  | 'SECOND_FACTOR_REQUIRED'
  | 'ADMIN_TOKEN_INVALID'
  | 'FORM_REFUSED'
  | 'RIGHT_MISSING'
  | 'SCOPE_MISSING'
  | 'IP_NOT_ALLOWED'
  | 'TOKEN_INACTIVE'
  | 'RECENT_LOG_IN_REQUIRED'
  | 'AGENT_KEY_REVOKED'
  | 'AGENT_EXPIRED'
  | 'AGENT_SUSPENDED'
  | 'EVENT_TYPE_NOT_ALLOWED'
  | 'SPAWN_DISABLED'
  | 'ESCALATION_DENIED'
  | 'NOT_YOUR_DESCENDANT'
  | 'HUMAN_REQUIRED'
  | 'SECOND_PERSON_REQUIRED'
  | 'PARTNER_SUSPENDED'
  | 'ENTERPRISE_REQUIRED'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'AGENT_REVOKED'
  | 'AGENT_STATE'
  | 'POLICY_LIMIT'
  | 'APPROVAL_EXPIRED'
  | 'LAST_ADMINISTRATOR'
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
  | 'QUEUE_SHARE_EXCEEDED'
  | 'INTERNAL'
  | 'OVERLOADED'
  | 'LINKING_UNAVAILABLE'
  | 'STORE_UNAVAILABLE';

/** Internal messages for the reasons behind OVERLOADED. `api/http/details.ts` has the public texts. */
const OVERLOADS = {
  QUEUE_STORE_UNREACHABLE: 'not connected to the queue Redis',
  QUEUE_STORE_SILENT: 'the queue Redis did not respond to an authorization',
  AUTHORITY_CHANGING: "the key's cached rows stayed fenced for too long",
  FENCE_FAILED: 'the cached rows could not be fenced, so the change was not made',
  CLOCK_NOT_ADVANCED: "the partner's clock could not be advanced, so the erasure was not made",
  FENCE_NOT_REMOVED: 'the change was committed, but its fence could not be removed',
  FSYNC_UNCONFIRMED: 'the events were queued, but Redis did not confirm their fsync',
  ADMISSION_EXPIRED: 'too much time passed between authorizing and queueing the events',
  ENQUEUE_UNCONFIRMED: 'the queue Redis did not confirm that it queued the events',
  QUEUE_FULL: 'the events queue has reached its size limit',
  QUEUE_STORE_FULL: 'the queue Redis is close to its memory limit',
  MAILS_FULL: 'too many emails are waiting to be sent',
  KEY_LOOKUPS_FULL: 'too many API keys from one address are waiting to be looked up',
  LONG_WORK_FULL: 'too many long responses are in progress',
  LOCK_QUEUE_FULL: 'too many changes to one subject are waiting in this process',
  LOCK_TIMEOUT: 'timed out waiting for earlier changes to the same subject',
  LOG_INS_FULL: 'too many passwords are waiting to be hashed',
  PROVIDER_SILENT: 'the OpenID Connect provider did not respond',
} as const;

export type OverloadReason = keyof typeof OVERLOADS;

/** Facts that `api/http` includes in an error's text and headers. */
export interface ErrorParams {
  reason?: OverloadReason;
  /** The missing scope. */
  scope?: string;
  /** True if the client address sent too many unknown API keys. */
  unknownKeys?: true;
  budget?: { policy: string; capacity: number; left: number } | null;
}

/** An expected error: a public code, an internal message for logs, and facts. `api/http` adds the public text. */
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

/** Returns the error for a dependency that is down, slow or full. The reason indicates whether anything was stored. */
export function overloaded(reason: OverloadReason, retryAfterSeconds = 2, cause?: unknown): MirError {
  return new MirError('OVERLOADED', OVERLOADS[reason], { params: { reason }, retryAfterSeconds, cause });
}

/** Returns the error for an unavailable or slow MongoDB. */
export function storeUnavailable(cause?: unknown): MirError {
  return new MirError('STORE_UNAVAILABLE', 'MongoDB did not respond', { retryAfterSeconds: 2, cause });
}

/** Returns the message of a thrown value. Avoids `instanceof`, because the error may come from another realm. */
export function messageOf(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
  return typeof message === 'string' ? message : String(error);
}

/** Longer chains of causes are assumed to be cycles. */
const MAX_CAUSES = 5;

/** Returns the messages of a thrown value and its chain of causes. For logs only: responses never include causes. */
export function messageWithCauses(error: unknown): string {
  const messages: string[] = [];
  for (let cause = error; cause !== undefined && messages.length <= MAX_CAUSES;) {
    messages.push(messageOf(cause));
    cause = typeof cause === 'object' && cause !== null && 'cause' in cause ? cause.cause : undefined;
  }
  return messages.join('; caused by: ');
}
