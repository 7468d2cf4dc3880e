import { STORE_REFUSED_MESSAGE } from '../../shared/domain/receipt';

/** Reasons that consist of our own words: a code, or what a mail server's reply is reduced to before it is thrown. */
const OWN_WORDS = [
  /^(?:PAYLOAD_UNREADABLE|AGENT_NOT_ALLOWED): /,
  /^the mail server refused: (?:no code|[A-Z]+)(?: \d{3})?$/,
] as const;
const STORE_REFUSED = /^STORE_REFUSED: \d+ of \d+ events/;
const ANY_OTHER =
  'JOB_FAILED: The job failed because of an internal error. The worker’s log has the cause, under the job’s id.';

/**
 * Returns a job's `failedReason` as operators may see it. BullMQ keeps the message of whatever a worker threw, and that
 * may be a driver's, with the store's address and content; only reasons known to be our own are shown as they are.
 */
export function presentFailure(reason: string): string {
  if (reason === '' || OWN_WORDS.some((own) => own.test(reason))) return reason;
  const rejected = STORE_REFUSED.exec(reason)?.[0];
  return rejected === undefined ? ANY_OTHER : `${rejected}; first: ${STORE_REFUSED_MESSAGE}`;
}
