import type { Request, Response } from 'express';
import { type CountedRequest, newCountedRequest } from '../../shared/domain/usage';
import { MAX_LISTED_ERRORS, messageOf, type ProblemCode } from '../../shared/errors';
import type { ApiContext } from '../context';
import { type Problem, problemOf, problemTypeOf } from './problem';
import { requestIdOf } from './request-id';
import { type ResponseHeaders, sendText } from './respond';
import { sendStream, type Streamed } from './send-stream';

const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json';

/** The response that a handler returns. */
export type Answer = { status: number; headers?: ResponseHeaders } & (
  | { body: unknown; mediaType?: string }
  /** `mediaType` is null for an empty body. */
  | { text: string; mediaType: string | null }
  /** The stream is sent with backpressure while it is being generated. */
  | Pick<Streamed, 'stream' | 'mediaType' | 'onClose'>
);

/** A request and its pending response. */
export interface Exchange {
  req: Request;
  res: Response;
  requestId: string;
  /** Response headers, such as the caller's rate limits, that are sent whether the request succeeds or fails. */
  headers: ResponseHeaders;
  /** The request in its partner's usage. */
  counted: CountedRequest;
  /** Code of the problem that was sent. */
  code: ProblemCode | null;
  /** Settles when the handler is done, which may be later than the client disconnects. */
  answering: Promise<unknown>;
}

const NOT_ANSWERING = Promise.resolve();

type Deps = Pick<ApiContext, 'config' | 'draining' | 'log'>;

/** Renders a problem as a response. The API's default is problem+json; pages render HTML. */
type PresentProblem = (problem: Problem) => Answer;

/** Opens an exchange. `group` is the group of the route in usage, which counts only requests with an API key. */
export function openExchange(req: Request, res: Response, group = ''): Exchange {
  const requestId = requestIdOf(req);
  const counted = newCountedRequest(group);
  const exchange = {
    req,
    res,
    requestId,
    headers: { 'X-Request-Id': requestId },
    counted,
    code: null,
    answering: NOT_ANSWERING,
  };
  res.locals['exchange'] = exchange;
  return exchange;
}

/** Returns the exchange that was opened last for a response. */
export function exchangeOf(res: Response): Exchange | undefined {
  return res.locals['exchange'] as Exchange | undefined;
}

/** Returns the RFC 9457 response for a problem. */
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
  // Check now rather than when the request arrives. Otherwise, a request that was in flight when the drain began would
  // keep its connection, and therefore the process, alive until the drain deadline.
  if (deps.draining.now) headers['Connection'] = 'close';
  const all = answer.headers ? { ...headers, ...answer.headers } : headers;
  if ('stream' in answer) return sendStream(res, answer, all, { log: deps.log, requestId });
  if ('text' in answer) sendText(res, answer.status, answer.text, answer.mediaType, all);
  // Ends with a newline, so that a shell's prompt starts on its own line after `curl`.
  else sendText(res, answer.status, `${JSON.stringify(answer.body)}\n`, answer.mediaType ?? JSON_TYPE, all);
  return undefined;
}

/** Sends the problem response for a failed request. If sending also fails, destroys the connection. */
export function finishWithProblem(deps: Deps, exchange: Exchange, error: unknown, present?: PresentProblem): void {
  const { requestId, res } = exchange;
  try {
    const { contact } = deps.config.operator;
    const problem = problemOf(error, { requestId, log: deps.log, contact });
    exchange.code = problem.code;
    void write(deps, exchange, present?.(problem) ?? problemAnswer(problem, requestId, deps.config.publicUrl));
  } catch (failure) {
    deps.log.error({ err: messageOf(failure), requestId }, 'failed to send error response');
    res.destroy();
  }
}

/**
 * Sends a handler's response, or a problem if the handler rejects. Every route and page sends its response through this
 * function.
 */
export function finish(deps: Deps, exchange: Exchange, answering: Promise<Answer>, present?: PresentProblem): void {
  const fail = (error: unknown): void => finishWithProblem(deps, exchange, error, present);
  exchange.answering = answering;
  answering.then((answer) => {
    try {
      write(deps, exchange, answer)?.catch(fail);
    } catch (error) {
      fail(error);
    }
  }, fail);
}
