import type { MirError, OverloadReason, ProblemCode } from '../../shared/errors';
import { PROBLEMS } from './problems';
import { PublicError } from './public-error';

/**
 * Public error detail for each OVERLOADED reason. Each detail says whether the request may have taken effect, if that
 * matters for a retry.
 */
const OVERLOAD_DETAILS: Record<OverloadReason, string> = {
  QUEUE_STORE_UNREACHABLE: 'The queue is unreachable. Nothing was stored. Retry the request.',
  QUEUE_STORE_SILENT: 'The queue did not respond. Retry the request.',
  AUTHORITY_CHANGING: 'The permissions of this API key are being changed. Retry the request.',
  FENCE_FAILED: 'The queue did not respond. Nothing was changed. Retry the request.',
  CLOCK_NOT_ADVANCED: 'The queue did not respond. Nothing was changed. Retry the request.',
  FENCE_NOT_REMOVED:
    'Your change was saved, but it takes effect only once the queue responds again. Check the current state before retrying.',
  FSYNC_UNCONFIRMED:
    'Your events are queued, but we could not confirm that they were written to disk. Resend them with the same idempotency keys.',
  ADMISSION_EXPIRED: 'The request took too long to process. Resend it with the same idempotency keys.',
  ENQUEUE_UNCONFIRMED:
    'The queue did not confirm your events, so they may or may not be stored. Resend them with the same idempotency keys.',
  QUEUE_FULL: 'The queue is full. Nothing was stored. Retry later.',
  QUEUE_STORE_FULL: 'The queue is almost out of memory. Nothing was stored. Retry later.',
  MAILS_FULL: 'We can’t send email right now because too many messages are waiting. Try again later.',
  KEY_LOOKUPS_FULL: 'Too many API keys from your IP address are being checked. Retry in a few seconds.',
  LONG_WORK_FULL: 'Too many long-running requests are in progress. Retry when one of them has finished.',
  LOCK_QUEUE_FULL: 'Too many concurrent changes to this agent tree or partner. Retry in a few seconds.',
  LOCK_TIMEOUT: 'Earlier changes to this agent tree or partner took too long. Nothing was changed. Retry the request.',
  LOG_INS_FULL: 'Too many people are logging in right now. Try again in a few seconds.',
  PROVIDER_SILENT: 'Your login provider did not respond. Try again in a few seconds, or log in with a password.',
};

const TOO_MANY_UNKNOWN_KEYS =
  'Too many unknown API keys from your IP address. Check the key, wait for the number of seconds in Retry-After, then retry.';

/** Returns the public detail of an error: its own, or the text for its reason, scope or code. */
export function publicDetail(error: MirError): string {
  if (error instanceof PublicError) return error.detail;
  const { reason, scope, unknownKeys } = error.more.params ?? {};
  if (reason !== undefined) return OVERLOAD_DETAILS[reason];
  if (scope !== undefined) return `This API key does not have the ${scope} scope.`;
  if (unknownKeys) return TOO_MANY_UNKNOWN_KEYS;
  const { detail, title } = PROBLEMS[error.code];
  return detail ?? `${title}.`;
}

/** Codes whose detail always names the operator's contact. */
const OPERATOR_CODES: ReadonlySet<ProblemCode> = new Set(['INTERNAL', 'PARTNER_SUSPENDED', 'ENTERPRISE_REQUIRED']);
const ASKS_OPERATOR = /\b(?:ask|contact) (?:the|its) operator\b/i;

/** Adds the operator's contact to a public detail that asks to contact the operator, or whose code calls for it. */
export function withOperatorContact(detail: string, code: ProblemCode, contact: string | null): string {
  if (contact === null || !(OPERATOR_CODES.has(code) || ASKS_OPERATOR.test(detail))) return detail;
  return `${detail} You can reach the operator at ${contact}.`;
}
