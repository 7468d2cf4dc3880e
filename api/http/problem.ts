import type { ServerResponse } from 'node:http';
import {
  MAX_LISTED_ERRORS,
  MirError,
  messageWithCauses,
  type ProblemCode,
  storeUnavailable,
} from '../../shared/errors';
import type { Log } from '../../shared/log';
import { isStoreOutage } from '../../shared/store/errors';
import { send } from './respond';

/** While a store is away every request is rejected: each code is logged this often, and the metrics count them all. */
const REJECTIONS_LOGGED_EVERY_MS = 1_000;
const rejectionLoggedAt = new Map<ProblemCode, number>();

/** Errors of the body reader (body-parser), by their `type` or zlib code. */
function fromBodyReader(error: Error & { type?: string; code?: unknown; status?: number }): MirError | null {
  switch (error.type) {
    case 'entity.too.large':
      return new MirError('BODY_TOO_LARGE', 'The body is larger than this route takes, counted after decompression.');
    case 'encoding.unsupported':
      return new MirError('UNSUPPORTED_MEDIA_TYPE', 'Content-Encoding must be gzip or absent.');
    case 'request.size.invalid':
    case 'request.aborted':
      return new MirError('INVALID_REQUEST', 'The body did not arrive whole.');
    default:
      // A server error of MongoDB has a number.
      return (typeof error.code === 'string' && error.code.startsWith('Z_')) || error.status === 400
        ? new MirError('INVALID_ENCODING', 'The body is not valid gzip.')
        : null;
  }
}

/** An outage of the store that no handler foresaw: not our fault, and worth trying again. */
function fromDriver(error: unknown): MirError | null {
  return isStoreOutage(error) ? storeUnavailable(error) : null;
}

/** Turns anything thrown into the one error that has an HTTP answer. */
export function toMirError(error: unknown): MirError {
  if (error instanceof MirError) return error;
  if (error instanceof URIError) return new MirError('INVALID_REQUEST', 'The path is not validly percent-encoded.');
  const known = error instanceof Error ? fromBodyReader(error) : null;
  const answer = known ?? fromDriver(error);
  return answer ?? new MirError('INTERNAL', 'This is our fault. It was logged under the request id.', { cause: error });
}

/** Logs what is our fault, with its causes, which no response shows. Rejections in an outage: once a second and code. */
export function logProblem(problem: MirError, requestId: string, log: Log): void {
  if (problem.status < 500) return;
  const line = { requestId, code: problem.code, err: messageWithCauses(problem) };
  if (problem.code === 'INTERNAL')
    log.error({ ...line, stack: (problem.more.cause as Error)?.stack }, 'request failed');
  else if (Date.now() - (rejectionLoggedAt.get(problem.code) ?? 0) > REJECTIONS_LOGGED_EVERY_MS) {
    rejectionLoggedAt.set(problem.code, Date.now());
    log.warn(line, 'requests are being refused');
  }
}

/** Answers an error as RFC 9457 problem+json, with all that is wrong and how to fix it. Returns the status. */
export function sendProblem(
  res: ServerResponse,
  error: unknown,
  { requestId, log, headers }: { requestId: string; log: Log; headers?: Record<string, string> },
): number {
  const problem = toMirError(error);
  logProblem(problem, requestId, log);
  const { retryAfterSeconds, errors = [] } = problem.more;
  send(
    res,
    problem.status,
    {
      type: `urn:mir:problem:${problem.code}`,
      title: problem.title,
      status: problem.status,
      detail: problem.detail,
      code: problem.code,
      requestId,
      ...(errors.length > 0 ? { errors: errors.slice(0, MAX_LISTED_ERRORS) } : {}),
      ...(errors.length > MAX_LISTED_ERRORS ? { errorsTruncated: true } : {}),
    },
    {
      ...headers,
      ...problem.more.headers,
      ...(retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) }),
      'Content-Type': 'application/problem+json',
      'X-Request-Id': requestId,
    },
  );
  return problem.status;
}
