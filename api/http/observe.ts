import type { RequestHandler, Response } from 'express';
import type { Metrics } from '../../shared/metrics/metrics';
import type { Tracing } from '../../shared/tracing/tracing';

const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
const CLIENT_CLOSED_REQUEST = 499;

/** Route label of requests that match no route, and method label of methods that a path does not support. */
export const UNMATCHED = 'unmatched';
export const OTHER_METHOD = 'other';
/** Not traced, because load balancers and Prometheus call them every few seconds. */
const UNTRACED = new Set(['/healthz', '/readyz', '/metrics']);

/** Returns the status to record: 499 when the client disconnected before the response was complete. */
function statusOf({ statusCode, writableFinished }: Response): number {
  return writableFinished || statusCode >= 500 ? statusCode : CLIENT_CLOSED_REQUEST;
}

/** Wraps a handler to count, time and, if tracing is on, trace its responses. Resolves label sets only once. */
export function observed(
  { metrics: { requestSeconds }, tracing }: { metrics: Metrics; tracing: Tracing },
  route: string,
  method: string,
  handle: RequestHandler,
): RequestHandler {
  const series = STATUS_CLASSES.map((status_class) => requestSeconds.labels({ route, method, status_class }));
  // Start at 0: `rate()` ignores the increment that creates a series, so it would miss the first failure.
  for (const status_class of ['2xx', '5xx']) requestSeconds.zero({ route, method, status_class });
  return (req, res, next) => {
    const startedAtMs = performance.now();
    const span = UNTRACED.has(route) ? undefined : tracing.openRequest?.(route, method, req.headers);
    // `on` rather than `once`: `close` fires only once, and `once` would allocate a wrapper per request.
    res.on('close', () => {
      const status = statusOf(res);
      series[Math.floor(status / 100) - 1]?.observe((performance.now() - startedAtMs) / 1000);
      span?.end(status);
    });
    return span ? span.run(() => handle(req, res, next)) : handle(req, res, next);
  };
}
