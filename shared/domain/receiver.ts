/**
 * How pushes to a receiver look: a Security Event Token (RFC 8417) that is pushed according to RFC 8935, or a message
 * signed according to Standard Webhooks.
 */
export const RECEIVER_FORMATS = ['SET', 'STANDARD_WEBHOOK'] as const;
export type ReceiverFormat = (typeof RECEIVER_FORMATS)[number];

/** Maximum number of receivers per tenant. Every kill writes a row for each of them. */
export const MAX_RECEIVERS_PER_TENANT = 10;

/** The status with which a receiver acknowledges a Security Event Token (RFC 8935, section 2.2). */
const SET_ACKNOWLEDGED = 202;

/** Returns whether a response completes a delivery. */
export function isAcknowledged(status: number | null, format: ReceiverFormat | undefined): boolean {
  if (status === null) return false;
  return format === 'SET' ? status === SET_ACKNOWLEDGED : status >= 200 && status <= 299;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const FIRST_RETRIES_MS = [SECOND_MS, 5 * SECOND_MS, 15 * SECOND_MS, 30 * SECOND_MS];
/** A push is retried every minute during its first hour, then every five minutes until it is a day old. */
const SOON_MS = HOUR_MS;
const RETRIED_FOR_MS = 24 * HOUR_MS;

/**
 * Returns the delay before the next attempt of a push, or null after the last one. Much shorter than for webhook
 * messages: until a receiver acknowledges a kill, the agents may still have access there.
 */
export function pushRetryDelayMs(attempts: number, ageMs: number): number | null {
  const first = FIRST_RETRIES_MS[attempts];
  if (first !== undefined) return first;
  if (ageMs < SOON_MS) return MINUTE_MS;
  return ageMs < RETRIED_FOR_MS ? 5 * MINUTE_MS : null;
}
