import { STORE_REFUSED_MESSAGE } from '../../shared/domain/receipt';

/**
 * Failure reasons that MIR wrote itself. Email delivery failures are included, because MIR records only their error
 * codes.
 */
const OWN_REASONS = [
  /^(?:PAYLOAD_UNREADABLE|AGENT_NOT_ALLOWED): /,
  /^email delivery failed: (?:no code|[A-Z]+)(?: \d{3})?$/,
] as const;
const STORE_REFUSED = /^STORE_REFUSED: \d+ of \d+ events/;
const OTHER_REASON =
  "JOB_FAILED: The job failed because of an internal error. Search the worker's log for the job ID to find the cause.";

/**
 * Returns a job's `failedReason` without sensitive content. BullMQ records the message of any error that a worker
 * threw, and a driver's message may contain a store's address or data. Only MIR's own messages pass unchanged.
 */
export function presentFailure(reason: string): string {
  if (reason === '' || OWN_REASONS.some((own) => own.test(reason))) return reason;
  const rejected = STORE_REFUSED.exec(reason)?.[0];
  return rejected === undefined ? OTHER_REASON : `${rejected}; first: ${STORE_REFUSED_MESSAGE}`;
}
