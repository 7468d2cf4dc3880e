/** Most errors that one response lists. A body of junk must not get a response many times its own size. */
export const MAX_LISTED_ERRORS = 1_000;

/** One wrong field of the input: JSON path, code and what to do about it. */
export interface FieldError {
  path: string;
  code: string;
  message: string;
}

/** All codes that leave this service, with their HTTP status and title. The Partner Guide explains each. */
export const PROBLEMS = {
  INVALID_JSON: [400, 'The body is not valid JSON'],
  INVALID_ENCODING: [400, 'The body cannot be decoded'],
  IDEMPOTENCY_KEY_INVALID: [400, 'The idempotency key cannot be used'],
  IDEMPOTENCY_KEY_REQUIRED: [400, 'An idempotency key is required'],
  INVALID_REQUEST: [400, 'The request cannot be read'],
  API_KEY_MISSING: [401, 'An API key is required'],
  API_KEY_INVALID: [401, 'The API key is not valid'],
  ADMIN_TOKEN_INVALID: [401, 'The admin token is not valid'],
  FORM_REFUSED: [403, 'The form cannot be accepted'],
  SCOPE_MISSING: [403, 'The API key lacks a scope'],
  AGENT_KEY_REVOKED: [401, 'The agent was revoked'],
  AGENT_SUSPENDED: [403, 'The agent is suspended'],
  EVENT_TYPE_NOT_ALLOWED: [403, 'The agent may not submit this event type'],
  SPAWN_DISABLED: [403, 'Spawning is not enabled'],
  ESCALATION_DENIED: [403, 'A child never has more than its parent'],
  NOT_YOUR_DESCENDANT: [403, 'An agent acts on its own descendants only'],
  HUMAN_REQUIRED: [403, 'This takes the partner’s own key'],
  PARTNER_SUSPENDED: [403, 'The partner is suspended'],
  ENTERPRISE_REQUIRED: [403, 'The enterprise plan is required'],
  NOT_FOUND: [404, 'Not found'],
  METHOD_NOT_ALLOWED: [405, 'Method not allowed'],
  AGENT_REVOKED: [409, 'The agent was revoked for good'],
  AGENT_STATE: [409, 'The agent’s state does not allow this'],
  POLICY_LIMIT: [409, 'The spawn policy does not allow more'],
  CONFLICT: [409, 'The state does not allow this'],
  TOO_MANY_LINK_REQUESTS: [409, 'Too many open invites of one user'],
  RETURN_URL_NOT_ALLOWED: [422, 'The return URL is not of a registered origin'],
  WEBHOOK_URL_NOT_ALLOWED: [422, 'The webhook URL cannot be used'],
  BODY_TOO_LARGE: [413, 'The body is too large'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'Unsupported media type'],
  VALIDATION_FAILED: [422, 'The input is not valid'],
  TOO_MANY_EVENTS: [422, 'Too many events in one call'],
  BULK_LIMIT_EXCEEDED: [422, 'Too many at once for an AI agent'],
  PRESET_NOT_ALLOWED: [422, 'This preset is not for AI agents'],
  ALLOWLIST_REQUIRED: [422, 'An AI agent needs an explicit allowlist'],
  BATCH_EXCEEDS_LIMIT: [422, 'The batch can never fit the limit'],
  IDEMPOTENCY_KEY_REUSED: [422, 'The idempotency key was used for other content'],
  RATE_LIMITED: [429, 'Too many requests'],
  INTERNAL: [500, 'Something went wrong on our side'],
  OVERLOADED: [503, 'Overloaded'],
  LINKING_UNAVAILABLE: [503, 'People cannot link here'],
  STORE_UNAVAILABLE: [503, 'A store is unavailable'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof PROBLEMS;

/** The one error that carries an HTTP answer; `detail` is public text. */
export class MirError extends Error {
  readonly status: number;
  readonly title: string;
  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly more: {
      errors?: FieldError[];
      headers?: Record<string, string>;
      retryAfterSeconds?: number;
      cause?: unknown;
    } = {},
  ) {
    super(`${code}: ${detail}`, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'MirError';
    this.status = PROBLEMS[code][0];
    this.title = PROBLEMS[code][1];
  }
}

/** The queue store is away, too slow or full: nothing was promised. */
export function overloaded(detail: string, retryAfterSeconds = 2, cause?: unknown): MirError {
  return new MirError('OVERLOADED', detail, { retryAfterSeconds, cause });
}

/** The document store is away, or too slow. */
export function storeUnavailable(cause?: unknown): MirError {
  return new MirError('STORE_UNAVAILABLE', 'The database did not respond. Try again soon.', {
    retryAfterSeconds: 2,
    cause,
  });
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
