import type { RequestHandler, Response } from 'express';
import { HOUR_MS } from '../../shared/domain/usage';
import type { Metrics } from '../../shared/metrics/metrics';
import type { Log } from '../../shared/log';
import type { Tracing } from '../../shared/tracing/tracing';
import type { UsageRecorder } from '../../shared/usage/record-usage';
import { type Exchange, exchangeOf } from './finish';

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

interface Deps {
  metrics: Metrics;
  tracing: Tracing;
  usage: UsageRecorder;
  /** Null if the access log is off. */
  accessLog: Log | null;
}

interface Closed {
  method: string;
  route: string;
  status: number;
  durationMs: number;
}

/**
 * Counts a response in its partner's usage and, if the access log is enabled, logs it in one line without anything that
 * the client chose, except for the request ID. A line with `usageBatch` is counted once Redis has that batch.
 */
function record({ usage, accessLog }: Deps, exchange: Exchange | undefined, closed: Closed): void {
  const batch = exchange ? usage.record(exchange.counted, closed.status, exchange.code) : null;
  if (!accessLog) return;
  const { method, route, status, durationMs } = closed;
  const { requestId = null, code = null, counted } = exchange ?? {};
  const line = {
    requestId,
    method,
    route,
    status,
    code,
    durationMs: Math.round(durationMs * 1_000) / 1_000,
    tenant: counted?.entered?.tenant ?? null,
  };
  if (!batch) return accessLog.info(line, 'request');
  const { group, rejectedEvents } = counted!;
  const usageHour = new Date(batch.hour * HOUR_MS).toISOString();
  accessLog.info(
    { ...line, group, rejectedEvents, usageHour, usageBatch: `${usage.process}:${batch.number}` },
    'request',
  );
}

/**
 * Records a response once its handler is done. If the client has disconnected, the request may still be entering, and
 * what it changes is not known yet.
 */
function recordWhenDone(deps: Deps, res: Response, closed: Closed): void {
  const exchange = exchangeOf(res);
  const recordNow = (): void => record(deps, exchange, closed);
  if (res.writableFinished || !exchange) return recordNow();
  exchange.answering.then(recordNow, recordNow);
}

/**
 * Wraps a handler to count, time and, if enabled, trace and log its responses. Resolves each set of labels only once.
 */
export function observed(deps: Deps, route: string, method: string, handle: RequestHandler): RequestHandler {
  const {
    metrics: { requestSeconds },
    tracing,
  } = deps;
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
      const durationMs = performance.now() - startedAtMs;
      series[Math.floor(status / 100) - 1]?.observe(durationMs / 1000);
      recordWhenDone(deps, res, { method, route, status, durationMs });
      span?.end(status);
    });
    return span ? span.run(() => handle(req, res, next)) : handle(req, res, next);
  };
}
