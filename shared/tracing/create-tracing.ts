import type { Log } from '../log';
import type * as OpenTracing from './open-tracing';
import { NO_TRACING, type Tracing, type TracingSettings } from './tracing';

/** Creates tracing from the settings. Loads OpenTelemetry only if an endpoint is configured. */
export function createTracing(settings: TracingSettings | null, service: 'api' | 'worker', log: Log): Tracing {
  if (settings === null) return NO_TRACING;
  const { openTracing } = require('./open-tracing') as typeof OpenTracing;
  return openTracing(settings, service, log);
}
