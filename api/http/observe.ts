import type { RequestHandler, Response } from 'express';
import type { Metrics } from '../../shared/metrics/metrics';
import type { Tracing } from '../../shared/tracing/tracing';

const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
const CLIENT_CLOSED_REQUEST = 499;

/** Label of the requests that no route takes, and of methods that a path does not have. */
export const UNMATCHED = 'unmatched';
export const OTHER_METHOD = 'other';
/** Asked every few seconds by machines. */
const UNTRACED = new Set(['/healthz', '/readyz', '/metrics']);

/** What became of a closed response: an answer that was not sent whole is the caller's leaving, unless we broke it off. */
function statusOf({ statusCode, writableFinished }: Response): number {
  return writableFinished || statusCode >= 500 ? statusCode : CLIENT_CLOSED_REQUEST;
}

/** Wraps a handler so that each of its answers is counted and timed, and traced where that is on; the label sets are made once. */
export function observed(
  { metrics: { requestSeconds }, tracing }: { metrics: Metrics; tracing: Tracing },
  route: string,
  method: string,
  handle: RequestHandler,
): RequestHandler {
  const series = STATUS_CLASSES.map((status_class) => requestSeconds.labels({ route, method, status_class }));
  // A rate misses the first step of a series that appears with 1: the first failure, and the only kill of a month.
  for (const status_class of ['2xx', '5xx']) requestSeconds.zero({ route, method, status_class });
  return (req, res, next) => {
    const startedAtMs = performance.now();
    const span = UNTRACED.has(route) ? undefined : tracing.openRequest?.(route, method, req.headers);
    // `on`, not `once`: it comes once, and the wrapper would be one more object a request.
    res.on('close', () => {
      const status = statusOf(res);
      series[Math.floor(status / 100) - 1]?.observe((performance.now() - startedAtMs) / 1000);
      span?.end(status);
    });
    return span ? span.run(() => handle(req, res, next)) : handle(req, res, next);
  };
}
