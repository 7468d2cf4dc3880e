import type { SpanContext } from '@opentelemetry/api';
import type { Telemetry } from 'bullmq';

/** A span that another span can use as its parent or link to. */
export type { SpanContext };

export type SpanFacts = Record<string, string | number>;

/** The open span of a request. */
export interface RequestSpan {
  /** Runs `work` in the span's context. Everything that `work` starts, now or later, belongs to the trace. */
  run<T>(work: () => T): T;
  end(status: number): void;
}

/** Records spans for requests, jobs and commits. */
export interface Tracing {
  /** BullMQ's hook, which passes the trace on to a job. Absent if tracing is off. */
  telemetry?: Telemetry;
  /** Starts a trace for a request. Links to the caller's trace instead of continuing it. Absent if tracing is off. */
  openRequest?(route: string, method: string, headers: Record<string, unknown>): RequestSpan;
  /** Returns the active span, or null if there is none. */
  activeSpan(): SpanContext | null;
  /**
   * Runs `work` in a span whose parent is the first of `parents`, or the active span if `parents` is empty. The span
   * links to the other `parents`.
   */
  inSpan<T>(
    name: string,
    facts: SpanFacts,
    parents: readonly (SpanContext | null)[],
    work: () => Promise<T>,
  ): Promise<T>;
  /** Exports the remaining spans. Gives up after 2 s, so that an unreachable collector cannot block shutdown. */
  stop(): Promise<void>;
}

export const NO_TRACING: Tracing = {
  activeSpan: () => null,
  inSpan: (_name, _facts, _parents, work) => work(),
  stop: () => Promise.resolve(),
};

export interface TracingSettings {
  /** Base URL of the collector, without `/v1/traces`. */
  endpoint: string;
  /** Fraction of requests to trace, from 0 to 1. */
  ratio: number;
}
