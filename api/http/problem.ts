import { type FieldError, MirError, messageWithCauses, type ProblemCode, storeUnavailable } from '../../shared/errors';
import type { Log } from '../../shared/log';
import { isStoreOutage } from '../../shared/store/errors';
import { publicDetail } from './details';
import { PROBLEMS } from './problems';
import { PublicError } from './public-error';
import { budgetHeaders } from './rate-headers';

/** While a store is away every request is rejected: each code is logged this often, and the metrics count them all. */
const REJECTIONS_LOGGED_EVERY_MS = 1_000;
const rejectionLoggedAt = new Map<ProblemCode, number>();

/** Errors of the body reader (body-parser), by their `type` or zlib code. */
function fromBodyReader(error: Error & { type?: string; code?: unknown; status?: number }): MirError | null {
  switch (error.type) {
    case 'entity.too.large':
      return new PublicError(
        'BODY_TOO_LARGE',
        'The body is larger than this route takes, counted after decompression.',
      );
    case 'encoding.unsupported':
      return new PublicError('UNSUPPORTED_MEDIA_TYPE', 'Content-Encoding must be gzip or absent.');
    case 'request.size.invalid':
    case 'request.aborted':
      return new PublicError('INVALID_REQUEST', 'The body did not arrive whole.');
    default:
      // A server error of MongoDB has a number.
      return (typeof error.code === 'string' && error.code.startsWith('Z_')) || error.status === 400
        ? new PublicError('INVALID_ENCODING', 'The body is not valid gzip.')
        : null;
  }
}

/** Returns the coded error for anything thrown: an outage of the store is 503 wherever it comes from. */
export function toMirError(error: unknown): MirError {
  if (error instanceof MirError) return error;
  if (error instanceof URIError) return new PublicError('INVALID_REQUEST', 'The path is not validly percent-encoded.');
  const ofBody = error instanceof Error ? fromBodyReader(error) : null;
  if (ofBody) return ofBody;
  return isStoreOutage(error)
    ? storeUnavailable(error)
    : new MirError('INTERNAL', 'an unexpected error was thrown', { cause: error });
}

/** An error as a response shows it. */
export interface Problem {
  code: ProblemCode;
  status: number;
  title: string;
  detail: string;
  errors: readonly FieldError[];
  retryAfterSeconds: number | undefined;
  headers: Record<string, string>;
}

/** Turns anything thrown into what a response shows of it, and logs what is our fault, with its causes. */
export function problemOf(thrown: unknown, requestId: string, log: Log): Problem {
  const error = toMirError(thrown);
  const { code } = error;
  const { status, title } = PROBLEMS[code];
  if (status >= 500) logFailure(error, requestId, log);
  const { errors = [], retryAfterSeconds, params } = error.more;
  return {
    code,
    status,
    title,
    detail: publicDetail(error),
    errors,
    retryAfterSeconds,
    headers: {
      ...budgetHeaders(params?.budget ?? null),
      ...(error instanceof PublicError ? error.headers : undefined),
      ...(retryAfterSeconds === undefined ? undefined : { 'Retry-After': String(retryAfterSeconds) }),
    },
  };
}

/** Logs an error with its causes. Rejections in an outage: once a second and code. */
function logFailure(error: MirError, requestId: string, log: Log): void {
  const line = { requestId, code: error.code, err: messageWithCauses(error) };
  if (error.code === 'INTERNAL') log.error({ ...line, stack: (error.cause as Error)?.stack }, 'request failed');
  else if (Date.now() - (rejectionLoggedAt.get(error.code) ?? 0) > REJECTIONS_LOGGED_EVERY_MS) {
    rejectionLoggedAt.set(error.code, Date.now());
    log.warn(line, 'rejecting requests');
  }
}

/** The URI that identifies a code's problems; it leads to the code's entry in the Partner Guide. */
export function problemTypeOf(code: ProblemCode, publicUrl: string): string {
  return `${publicUrl}/errors/${code}`;
}
