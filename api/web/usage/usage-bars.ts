import type { presentUsage } from '../../usage/get-usage';
import type { Bar } from '../design/bar-chart';

type Usage = Pick<Awaited<ReturnType<typeof presentUsage>>, 'from' | 'to' | 'data'>;

/** Returns the stored events of each hour or day of a range, including those without any. `stepMs` is their length. */
export function usageBars({ from, to, data }: Usage, stepMs: number, labelOf: (at: Date) => string): Bar[] {
  const counts = new Map(data.map((bucket) => [Date.parse(bucket.from), bucket.events.persisted]));
  const bars: Bar[] = [];
  for (let at = Date.parse(from); at < Date.parse(to); at += stepMs) {
    bars.push({ label: labelOf(new Date(at)), count: counts.get(at) ?? 0 });
  }
  return bars;
}

/** Returns a day in UTC, such as "27 Nov". */
export function dayLabel(at: Date): string {
  return at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
}
