import type { MirError, OverloadReason } from '../../shared/errors';
import { PROBLEMS } from './problems';
import { PublicError } from './public-error';

/** The public text of each OVERLOADED reason. It says whether anything was stored. */
const OVERLOAD_DETAILS: Record<OverloadReason, string> = {
  QUEUE_STORE_UNREACHABLE: 'The queue store is not reachable. Nothing was stored; send it again.',
  QUEUE_STORE_SILENT: 'The queue store did not respond. Retry the request.',
  AUTHORITY_CHANGING: 'The rights of this key are being changed. Send it again.',
  FENCE_FAILED: 'The queue store did not respond, so nothing was changed. Try again.',
  FENCE_NOT_REMOVED:
    'The change is saved, but may not be in force yet: it takes effect when the queue store responds. Check before retrying.',
  FSYNC_UNCONFIRMED: 'The events are queued, but their fsync is not confirmed. Send them again.',
  ADMISSION_EXPIRED: 'The request took too long to process. Resend it with the same idempotency keys.',
  ENQUEUE_UNCONFIRMED:
    'The queue store did not confirm the events. They may still be stored; resend them with the same idempotency keys.',
  QUEUE_FULL: 'The queue is full; workers are catching up. Nothing was stored.',
  QUEUE_STORE_FULL: 'The queue store is nearly full. Nothing was stored.',
  MAILS_UNAVAILABLE: 'We can’t send email right now. Try again soon.',
  MAILS_FULL: 'Too many emails are waiting to be sent. Try again later.',
  LONG_WORK_FULL: 'Too many long responses are in progress. Retry when one has ended.',
  LOCK_QUEUE_FULL: 'Too many concurrent changes to this agent tree or partner. Retry in a few seconds.',
  LOCK_TIMEOUT: 'Earlier changes to this agent tree or partner took too long. Nothing was changed; retry.',
  LOG_INS_FULL: 'Too many people are logging in at the moment. Try again soon.',
  PROVIDER_SILENT: 'The provider you log in with did not respond. Try again soon, or use a password.',
};

/** Returns the public text of an error: its own, or what its code and its facts say. */
export function publicDetail(error: MirError): string {
  if (error instanceof PublicError) return error.detail;
  const { reason, scope } = error.more.params ?? {};
  if (reason !== undefined) return OVERLOAD_DETAILS[reason];
  if (scope !== undefined) return `This API key lacks the scope ${scope}.`;
  const { detail, title } = PROBLEMS[error.code];
  return detail ?? `${title}.`;
}
