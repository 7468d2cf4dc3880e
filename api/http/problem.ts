import { type FieldError, MirError, messageWithCauses, type ProblemCode, storeUnavailable } from '../../shared/errors';
import type { Log } from '../../shared/log';
import { isStoreOutage, isTimeLimitExceeded } from '../../shared/store/errors';
import { publicDetail, withOperatorContact } from './details';
import { PROBLEMS } from './problems';
import { PublicError } from './public-error';
import { budgetHeaders } from './rate-headers';

/**
 * Minimum time between two log lines with the same code. Limits logging during an outage, when every request is
 * rejected. The metrics still count every rejection.
 */
const REJECTION_LOG_INTERVAL_MS = 1_000;
/** Delay before a client retries a query that exceeded its time limit. */
const TIME_LIMIT_RETRY_SECONDS = 2;
const rejectionLoggedAt = new Map<ProblemCode, number>();

/**
 * Converts an error from the body reader (body-parser), identified by its `type` or zlib code. Returns null for any
 * other error.
 */
function fromBodyReader(error: Error & { type?: string; code?: unknown; status?: number }): MirError | null {
  switch (error.type) {
    case 'entity.too.large':
      return new PublicError(
        'BODY_TOO_LARGE',
        'After decompression, the request body is larger than this route accepts.',
      );
    case 'encoding.unsupported':
      return new PublicError('UNSUPPORTED_MEDIA_TYPE', 'Content-Encoding must be gzip or absent.');
    case 'request.size.invalid':
    case 'request.aborted':
      return new PublicError('INVALID_REQUEST', 'The request body is incomplete. Send the request again.');
    default:
      // Check the type to exclude MongoDB server errors, whose codes are numbers.
      return (typeof error.code === 'string' && error.code.startsWith('Z_')) || error.status === 400
        ? new PublicError('INVALID_ENCODING', 'The request body is not valid gzip.')
        : null;
  }
}

/** Converts any thrown value to a `MirError`. Database outages become `STORE_UNAVAILABLE` (503). */
export function toMirError(error: unknown): MirError {
  if (error instanceof MirError) return error;
  if (error instanceof URIError)
    return new PublicError('INVALID_REQUEST', 'The path is not percent-encoded correctly.');
  const bodyError = error instanceof Error ? fromBodyReader(error) : null;
  if (bodyError) return bodyError;
  if (isTimeLimitExceeded(error)) {
    return new PublicError(
      'STORE_UNAVAILABLE',
      'The database took too long to read this data. Retry in a few seconds. If this happens again, use a lower `limit` or fewer filters.',
      { retryAfterSeconds: TIME_LIMIT_RETRY_SECONDS, cause: error },
    );
  }
  return isStoreOutage(error)
    ? storeUnavailable(error)
    : new MirError('INTERNAL', 'an unexpected error was thrown', { cause: error });
}

/** An error as clients may see it. */
export interface Problem {
  code: ProblemCode;
  status: number;
  title: string;
  detail: string;
  errors: readonly FieldError[];
  retryAfterSeconds: number | undefined;
  headers: Record<string, string>;
}

/**
 * Converts any thrown value to a `Problem`. Logs server errors (5xx) with their causes. `contact` is where clients reach
 * the operator.
 */
export function problemOf(
  thrown: unknown,
  { requestId, log, contact }: { requestId: string; log: Log; contact: string | null },
): Problem {
  const error = toMirError(thrown);
  const { code } = error;
  const { status, title, headers } = PROBLEMS[code];
  if (status >= 500) logFailure(error, requestId, log);
  const { errors = [], retryAfterSeconds, params } = error.more;
  return {
    code,
    status,
    title,
    detail: withOperatorContact(publicDetail(error), code, contact),
    errors,
    retryAfterSeconds,
    headers: {
      ...headers,
      ...budgetHeaders(params?.budget ?? null),
      ...(error instanceof PublicError ? error.headers : undefined),
      ...(retryAfterSeconds === undefined ? undefined : { 'Retry-After': String(retryAfterSeconds) }),
    },
  };
}

/** Logs an error with its causes. Logs each code other than INTERNAL at most once per second. */
function logFailure(error: MirError, requestId: string, log: Log): void {
  const line = { requestId, code: error.code, err: messageWithCauses(error) };
  if (error.code === 'INTERNAL') log.error({ ...line, stack: (error.cause as Error)?.stack }, 'request failed');
  else if (Date.now() - (rejectionLoggedAt.get(error.code) ?? 0) > REJECTION_LOG_INTERVAL_MS) {
    rejectionLoggedAt.set(error.code, Date.now());
    log.warn(line, 'rejecting requests');
  }
}

/** Returns the problem `type` of a code: a URL that redirects to the code's entry in the Partner Guide. */
export function problemTypeOf(code: ProblemCode, publicUrl: string): string {
  return `${publicUrl}/errors/${code}`;
}
