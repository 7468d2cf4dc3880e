import { setTimeout as delay } from 'node:timers/promises';
import {
  type Attributes,
  context,
  type Context,
  diag,
  DiagLogLevel,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';
import { BullMQOtel } from 'bullmq-otel';
import type { Log } from '../log';
import { VERSION } from '../project';
import type { RequestSpan, SpanFacts, Tracing, TracingSettings } from './tracing';

const TRACER = 'mir';
const STOP_TIMEOUT_MS = 2_000;
/** Maximum links per span, below the SDK's own limit. Hundreds of requests may share a job. */
const MAX_LINKS = 100;
const FIRST_SERVER_ERROR = 500;
/** Minimum time between warnings about an unreachable collector. */
const WARNING_INTERVAL_MS = 30_000;

/**
 * Creates a sampler that starts traces for requests, and for jobs that no request caused, but not for BullMQ's
 * housekeeping.
 */
function rootSampler(ratio: number): Sampler {
  const byRatio = new TraceIdRatioBasedSampler(ratio);
  return {
    shouldSample: (_context: Context, traceId: string, _name: string, kind: SpanKind) =>
      kind === SpanKind.INTERNAL
        ? { decision: SamplingDecision.NOT_RECORD }
        : byRatio.shouldSample(ROOT_CONTEXT, traceId),
    toString: () => `requests and jobs, ${byRatio.toString()}`,
  };
}

function logExportErrors(log: Log): void {
  let loggedAtMs = Number.NEGATIVE_INFINITY;
  const warn = (message: string): void => {
    if (performance.now() - loggedAtMs < WARNING_INTERVAL_MS) return;
    loggedAtMs = performance.now();
    log.warn({ err: message.slice(0, 500) }, 'trace export failed');
  };
  const ignore = (): void => undefined;
  diag.setLogger({ error: warn, warn, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN);
}

/** Returns links to the distinct spans in `parents`, up to `MAX_LINKS`. */
function linksTo(parents: readonly SpanContext[]): Link[] {
  const once = new Map(parents.map((span) => [span.spanId, span]));
  return [...once.values()].slice(0, MAX_LINKS).map((one) => ({ context: one }));
}

/** Exports spans to a collector over OTLP/HTTP. Registers a global tracer provider, which BullMQ's hook uses. */
export function openTracing({ endpoint, ratio }: TracingSettings, service: 'api' | 'worker', log: Log): Tracing {
  logExportErrors(log);
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      'service.name': `mir-${service}`,
      'service.version': VERSION,
      'process.pid': process.pid,
    }),
    sampler: new ParentBasedSampler({ root: rootSampler(ratio) }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  provider.register();
  const tracer = trace.getTracer(TRACER);

  const openRequest = (route: string, method: string, headers: Record<string, unknown>): RequestSpan => {
    // Links to the caller's trace instead of continuing it, so that untrusted callers cannot control sampling.
    const theirs = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, headers));
    const attributes: Attributes = { 'http.route': route, 'http.request.method': method };
    const links = theirs ? linksTo([theirs]) : [];
    const span = tracer.startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, attributes, links }, ROOT_CONTEXT);
    const inside = trace.setSpan(ROOT_CONTEXT, span);
    return {
      run: (work) => context.with(inside, work),
      end: (status) => {
        span.setAttribute('http.response.status_code', status);
        if (status >= FIRST_SERVER_ERROR) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      },
    };
  };

  const inSpan = async <T>(
    name: string,
    facts: SpanFacts,
    parents: readonly (SpanContext | null)[],
    work: () => Promise<T>,
  ): Promise<T> => {
    const known = parents.filter((span) => span !== null);
    const [first, ...others] = known;
    const above = first ? trace.setSpanContext(ROOT_CONTEXT, first) : context.active();
    const links = linksTo(others.filter(({ spanId }) => spanId !== first?.spanId));
    const span = tracer.startSpan(name, { attributes: facts, links }, above);
    try {
      return await context.with(trace.setSpan(above, span), work);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'unknown' });
      throw error;
    } finally {
      span.end();
    }
  };

  return {
    telemetry: new BullMQOtel({ tracerName: TRACER }),
    openRequest,
    activeSpan: (): SpanContext | null => trace.getSpan(context.active())?.spanContext() ?? null,
    inSpan,
    stop: async () => {
      const stopped = provider.shutdown().catch(() => undefined);
      await Promise.race([stopped, delay(STOP_TIMEOUT_MS, undefined, { ref: false })]);
      trace.disable();
      context.disable();
      propagation.disable();
      diag.disable();
    },
  };
}
