import type { RequestHandler, Response } from 'express';
import type { Metrics } from '../../shared/metrics/metrics';
import type { Tracing } from '../../shared/tracing/tracing';

const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
const CLIENT_CLOSED_REQUEST = 499;

/** Route label for requests that do not match any route, and method label for methods that a path does not support. */
export const UNMATCHED = 'unmatched';
export const OTHER_METHOD = 'other';
/** Routes that are not traced, because load balancers and Prometheus call them every few seconds. */
const UNTRACED = new Set(['/healthz', '/readyz', '/metrics']);

/** Returns the status to record, which is 499 if the client disconnected before the response was complete. */
function statusOf({ statusCode, writableFinished }: Response): number {
  return writableFinished || statusCode >= 500 ? statusCode : CLIENT_CLOSED_REQUEST;
}

/**
 * Wraps a handler to count, time and, if tracing is enabled, trace its responses. Resolves each set of labels only
 * once.
 */
export function observed(
  { metrics: { requestSeconds }, tracing }: { metrics: Metrics; tracing: Tracing },
  route: string,
  method: string,
  handle: RequestHandler,
): RequestHandler {
  const series = STATUS_CLASSES.map((status_class) => requestSeconds.labels({ route, method, status_class }));
  // Initialize the series to 0. `rate()` ignores the increment that creates a series, so it would miss the first
  // failure.
  for (const status_class of ['2xx', '5xx']) requestSeconds.zero({ route, method, status_class });
  return (req, res, next) => {
    const startedAtMs = performance.now();
    const span = UNTRACED.has(route) ? undefined : tracing.openRequest?.(route, method, req.headers);
    // Use `on` rather than `once`: `close` fires only once, and `once` would allocate a wrapper for each request.
    res.on('close', () => {
      const status = statusOf(res);
      series[Math.floor(status / 100) - 1]?.observe((performance.now() - startedAtMs) / 1000);
      span?.end(status);
    });
    return span ? span.run(() => handle(req, res, next)) : handle(req, res, next);
  };
}
