/** One scrape of a process's `/metrics`: the value of each series, by its name with labels as the process prints it. */
export type Scrape = ReadonlyMap<string, number>;

const SAMPLE = /^([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)$/;

/** Parses the Prometheus text format. */
export function parseMetrics(text: string): Scrape {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, series, value] = SAMPLE.exec(line) ?? [];
    if (series !== undefined) samples.set(series, Number(value));
  }
  return samples;
}

/** Reads the metrics of a process on this machine. */
export async function scrape(metricsPort: number): Promise<Scrape> {
  const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  if (!response.ok) throw new Error(`/metrics returned ${response.status}`);
  return parseMetrics(await response.text());
}

function labelOf(series: string, label: string): string | undefined {
  return new RegExp(`[{,]${label}="([^"]*)"`).exec(series)?.[1];
}

function matches(series: string, name: string, labels: Record<string, string>): boolean {
  if (series !== name && !series.startsWith(`${name}{`)) return false;
  return Object.entries(labels).every(([label, value]) => labelOf(series, label) === value);
}

/** Returns the sum of the series with the name and the labels. Returns 0 if there are none. */
export function sumOf(samples: Scrape, name: string, labels: Record<string, string> = {}): number {
  let sum = 0;
  for (const [series, value] of samples) if (matches(series, name, labels)) sum += value;
  return sum;
}

/**
 * Estimates a quantile of what a histogram observed between two scrapes, interpolating within a bucket as Prometheus
 * does. Returns null if the histogram does not exist or observed nothing.
 */
export function quantileBetween(
  before: Scrape,
  after: Scrape,
  name: string,
  labels: Record<string, string>,
  q: number,
): number | null {
  const buckets = [...after]
    .filter(([series]) => matches(series, `${name}_bucket`, labels))
    .map(([series, count]) => {
      const le = labelOf(series, 'le');
      return { upTo: le === '+Inf' ? Infinity : Number(le), count: count - (before.get(series) ?? 0) };
    })
    .toSorted((a, b) => a.upTo - b.upTo);
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0) return null;
  const rank = q * total;
  const at = buckets.findIndex(({ count }) => count >= rank);
  const lower = buckets[at - 1] ?? { upTo: 0, count: 0 };
  const { upTo, count } = buckets[at]!;
  if (upTo === Infinity) return lower.upTo;
  return lower.upTo + ((upTo - lower.upTo) * (rank - lower.count)) / (count - lower.count);
}

/** Returns the CPU time in ms that a process has used so far, in user and kernel mode. */
export async function cpuMs(metricsPort: number): Promise<number> {
  return sumOf(await scrape(metricsPort), 'process_cpu_seconds_total') * 1_000;
}
