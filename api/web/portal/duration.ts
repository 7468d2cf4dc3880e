import { countOf } from '../design/count-text';
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;
const FORM = /^(\d{1,9})\s*(d|days?|h|hours?|min|minutes?|s|seconds?)$/i;

/** Returns a time span in the largest unit that states it exactly, such as "90 days". */
export function durationText(seconds: number): string {
  const [unit, length] = UNITS.find(([, one]) => seconds % one === 0)!;
  const count = seconds / length;
  return countOf(count, unit);
}

/** Returns the seconds of a time span such as "90 days" or "12 h", or null if the text is none. */
export function readDuration(text: string): number | null {
  const [, count, unit] = FORM.exec(text.trim().replaceAll(',', '')) ?? [];
  if (count === undefined || unit === undefined) return null;
  const [, length] = UNITS.find(([name]) => name.startsWith(unit[0]!.toLowerCase()))!;
  return Number(count) * length;
}
