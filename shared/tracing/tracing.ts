import type { SpanContext } from '@opentelemetry/api';
import type { Telemetry } from 'bullmq';

/** What a span can be put below or linked to. */
export type { SpanContext };

export type SpanFacts = Record<string, string | number>;

/** An open span of a request. */
export interface RequestSpan {
  /** Runs `work` inside of it: what it starts, now or later, belongs to its trace. */
  run<T>(work: () => T): T;
  end(status: number): void;
}

/** Where tracing is on: spans of requests, of what they queue, of jobs (BullMQ's own) and of commits. */
export interface Tracing {
  /** BullMQ's hook: a job carries the trace of whoever added it. Absent without tracing. */
  telemetry?: Telemetry;
  /** Opens a trace for a request; a foreign one that it names is linked, not continued. Absent without tracing. */
  openRequest?(route: string, method: string, headers: Record<string, unknown>): RequestSpan;
  /** The span in which the code runs; null outside of any span. */
  activeSpan(): SpanContext | null;
  /** Runs `work` in a span below the first of `parents`, linked to the others. Without any it is below what runs now. */
  inSpan<T>(
    name: string,
    facts: SpanFacts,
    parents: readonly (SpanContext | null)[],
    work: () => Promise<T>,
  ): Promise<T>;
  /** Sends what is left; gives up soon, since nothing may wait for a collector that is gone. */
  stop(): Promise<void>;
}

export const NO_TRACING: Tracing = {
  activeSpan: () => null,
  inSpan: (_name, _facts, _parents, work) => work(),
  stop: () => Promise.resolve(),
};

export interface TracingSettings {
  /** Of the collector; `/v1/traces` is added. */
  endpoint: string;
  /** Share of the requests that are traced, 0 to 1. */
  ratio: number;
}
