import type { Counter, Gauge, Registry } from 'prom-client';

/** Which processes show a series: only those in which something sets it, so that no other shows a 0 that means nothing. */
export interface In {
  registers: Registry[];
}

/** One series of a counter. */
export interface Count {
  inc(by?: number): void;
}

/**
 * The counter's series, one a value of its only label: made once, shown with 0 from the start (a rate misses the
 * first step of a series that appears with 1), and closed: the label can take no other value.
 */
export function countsOf<Label extends string, Value extends string>(
  counter: Counter<Label>,
  values: readonly Value[],
): Record<Value, Count> {
  const entries = values.map((value) => {
    const child = counter.labels(value);
    child.inc(0);
    return [value, { inc: (by = 1) => child.inc(by) }] as const;
  });
  return Object.fromEntries(entries) as Record<Value, Count>;
}

/** Takes back what a gauge says: it is not shown until it is set again. */
export function forget(gauge: Gauge): void {
  gauge.reset();
  // What `reset` leaves of a gauge without labels is a 0.
  gauge.remove({});
}
