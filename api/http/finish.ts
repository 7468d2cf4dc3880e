import type { Request, Response } from 'express';
import { MAX_LISTED_ERRORS, messageOf } from '../../shared/errors';
import type { ApiContext } from '../context';
import { type Problem, problemOf, problemTypeOf } from './problem';
import { requestIdOf } from './request-id';
import { type ResponseHeaders, sendText } from './respond';
import { sendStream, type Streamed } from './send-stream';

const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json';

/** The response of a handler. */
export type Answer = { status: number; headers?: ResponseHeaders } & (
  | { body: unknown; mediaType?: string }
  /** `mediaType` is null for an empty body. */
  | { text: string; mediaType: string | null }
  /** Sent as it is produced, with backpressure. */
  | Pick<Streamed, 'stream' | 'mediaType'>
);

/** A request and its pending response. */
export interface Exchange {
  req: Request;
  res: Response;
  requestId: string;
  /** Headers of the response, whether the request succeeds or fails: for example, the caller's rate limits. */
  headers: ResponseHeaders;
}

type Deps = Pick<ApiContext, 'config' | 'draining' | 'log'>;

/** Renders a problem as a response. The default is problem+json; pages render HTML. */
type PresentProblem = (problem: Problem) => Answer;

export function openExchange(req: Request, res: Response): Exchange {
  const requestId = requestIdOf(req);
  return { req, res, requestId, headers: { 'X-Request-Id': requestId } };
}

/** Returns a problem as an RFC 9457 response. */
function problemAnswer(problem: Problem, requestId: string, publicUrl: string): Answer {
  const { code, status, title, detail, errors, headers } = problem;
  const body = {
    type: problemTypeOf(code, publicUrl),
    title,
    status,
    detail,
    code,
    requestId,
    ...(errors.length > 0 ? { errors: errors.slice(0, MAX_LISTED_ERRORS) } : {}),
    ...(errors.length > MAX_LISTED_ERRORS ? { errorsTruncated: true } : {}),
  };
  return { status, headers, body, mediaType: PROBLEM_TYPE };
}

function write(deps: Deps, { res, requestId, headers }: Exchange, answer: Answer): Promise<void> | undefined {
  // Checked here rather than on arrival: a request that was in flight when the drain began would otherwise keep its
  // connection, and the process, alive until the drain deadline.
  if (deps.draining.now) headers['Connection'] = 'close';
  const all = answer.headers ? { ...headers, ...answer.headers } : headers;
  if ('stream' in answer) return sendStream(res, answer, all, { log: deps.log, requestId });
  if ('text' in answer) sendText(res, answer.status, answer.text, answer.mediaType, all);
  else sendText(res, answer.status, JSON.stringify(answer.body), answer.mediaType ?? JSON_TYPE, all);
  return undefined;
}

/** Sends the problem response of a failed request. Destroys the connection if that fails, too. */
export function finishWithProblem(deps: Deps, exchange: Exchange, error: unknown, present?: PresentProblem): void {
  const { requestId, res } = exchange;
  try {
    const problem = problemOf(error, requestId, deps.log);
    void write(deps, exchange, present?.(problem) ?? problemAnswer(problem, requestId, deps.config.publicUrl));
  } catch (failure) {
    deps.log.error({ err: messageOf(failure), requestId }, 'sending error response failed');
    res.destroy();
  }
}

/** Sends the response of a handler, or a problem if the handler rejects. Every route and page ends here. */
export function finish(deps: Deps, exchange: Exchange, answering: Promise<Answer>, present?: PresentProblem): void {
  const fail = (error: unknown): void => finishWithProblem(deps, exchange, error, present);
  answering.then((answer) => {
    try {
      write(deps, exchange, answer)?.catch(fail);
    } catch (error) {
      fail(error);
    }
  }, fail);
}
