import type { Request, Response } from 'express';
import { MAX_LISTED_ERRORS, messageOf } from '../../shared/errors';
import type { ApiContext } from '../context';
import { type Problem, problemOf, problemTypeOf } from './problem';
import { requestIdOf } from './request-id';
import { type ResponseHeaders, sendText } from './respond';
import { sendStream, type Streamed } from './send-stream';

const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json';

/** What a request is answered with. */
export type Answer = { status: number; headers?: ResponseHeaders } & (
  | { body: unknown; mediaType?: string }
  /** Text of any type; null for an empty body, which has none. */
  | { text: string; mediaType: string | null }
  /** Written while it is made, no faster than it is read. */
  | Pick<Streamed, 'stream' | 'mediaType'>
);

/** A request while it is answered. */
export interface Exchange {
  req: Request;
  res: Response;
  requestId: string;
  /** Headers that the response has whether the request succeeds or fails, such as the caller's limits. */
  headers: ResponseHeaders;
}

type Deps = Pick<ApiContext, 'config' | 'draining' | 'log'>;

/** Words a problem as an answer: problem+json by default, a page for people. */
type PresentProblem = (problem: Problem) => Answer;

export function openExchange(req: Request, res: Response): Exchange {
  const requestId = requestIdOf(req);
  return { req, res, requestId, headers: { 'X-Request-Id': requestId } };
}

/** A problem as RFC 9457 has it, with all that is wrong and how to fix it. */
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
  // Asked at the end: a request that was open when the drain began would otherwise keep its connection, and the
  // process, until the drain's deadline.
  if (deps.draining.now) headers['Connection'] = 'close';
  const all = answer.headers ? { ...headers, ...answer.headers } : headers;
  if ('stream' in answer) return sendStream(res, answer, all, { log: deps.log, requestId });
  if ('text' in answer) sendText(res, answer.status, answer.text, answer.mediaType, all);
  else sendText(res, answer.status, JSON.stringify(answer.body), answer.mediaType ?? JSON_TYPE, all);
  return undefined;
}

/** Ends a request that failed. Cuts the connection when not even that can be said. */
export function finishWithProblem(deps: Deps, exchange: Exchange, error: unknown, present?: PresentProblem): void {
  const { requestId, res } = exchange;
  try {
    const problem = problemOf(error, requestId, deps.log);
    void write(deps, exchange, present?.(problem) ?? problemAnswer(problem, requestId, deps.config.publicUrl));
  } catch (failure) {
    deps.log.error({ err: messageOf(failure), requestId }, 'an error response failed');
    res.destroy();
  }
}

/** Ends a request with its answer, or with a problem when there is none. Every route and every page ends here. */
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
