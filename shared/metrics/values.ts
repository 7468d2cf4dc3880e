import type { Counter, Gauge, Registry } from 'prom-client';

/**
 * Registries that export a series. Empty in services that never set the series, so that they do not export a
 * meaningless 0.
 */
export interface In {
  registers: Registry[];
}

/** One series of a labeled counter. */
export interface Count {
  inc(by?: number): void;
}

/**
 * Returns one series for each value of the counter's only label. Exports each as 0 from the start, because `rate()`
 * misses the first increment of a series that first appears as 1.
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

/** Stops exporting a gauge until it is set again. */
export function forget(gauge: Gauge): void {
  gauge.reset();
  // If the gauge has no labels, `reset` sets it to 0 instead of removing it.
  gauge.remove({});
}
