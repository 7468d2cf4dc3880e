/** What a figure must reach. The goal is stricter than the limit, and missing it does not fail a run. */
export interface Limit {
  kind: 'at least' | 'at most';
  value: number;
  goal: number | null;
}

/** One of the two programs that a ratio compares. */
interface Side {
  name: string;
  unit: string;
  values: number[];
}

/** A measured quantity, with one value per round. */
export interface Figure {
  /** A stable identifier, such as `batch`. */
  id: string;
  name: string;
  /** `ratio`, or a unit such as `ms`. */
  unit: string;
  values: number[];
  /** Null for a figure that is only reported. */
  limit: Limit | null;
  /** Absolute values from which a ratio was calculated. */
  sides: Side[];
}

/** A figure with its statistics. The median decides whether it passes. */
export interface Result extends Figure {
  median: number;
  min: number;
  max: number;
  pass: boolean | null;
  goalMet: boolean | null;
}

export function atLeast(value: number, goal: number | null = null): Limit {
  return { kind: 'at least', value, goal };
}

export function atMost(value: number, goal: number | null = null): Limit {
  return { kind: 'at most', value, goal };
}

/** Returns the median. Throws a RangeError if there are no values. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no values were measured');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Returns the sample at a quantile from 0 to 1. Throws a RangeError if there are no samples. */
export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) throw new RangeError('no samples were measured');
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}

/** Calculates a figure's statistics and compares its median with its limit. */
export function resultOf(figure: Figure): Result {
  const { values, limit } = figure;
  const middle = median(values);
  const reaches = (bound: number): boolean => (limit?.kind === 'at least' ? middle >= bound : middle <= bound);
  return {
    ...figure,
    median: middle,
    min: Math.min(...values),
    max: Math.max(...values),
    pass: limit === null ? null : reaches(limit.value),
    goalMet: limit === null || limit.goal === null ? null : reaches(limit.goal),
  };
}
