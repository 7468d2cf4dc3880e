import { setTimeout as delay } from 'node:timers/promises';
import { quantileBetween, scrape, type Scrape } from '../metrics';
import { atMost, median } from '../result';
import {
  addQuantile,
  BUSY_SHARE,
  clearEvents,
  drained,
  dump,
  during,
  type FairBench,
  medianP99,
  sendAtRate,
} from './bench';
import { sampleFreshness } from './freshness';
import { options } from './options';

const WAIT_SERIES = 'mir_commit_wait_seconds';

/** Measures a partner's freshness alone, beside a busy partner and during a dump. Returns the dumps' events per second. */
export async function freshnessFigures(bench: FairBench): Promise<number[]> {
  const { environment, a, b, workers } = bench;
  const { rounds, seconds, selected } = options;
  const sample = (isDone: () => boolean): Promise<number[]> => sampleFreshness(b, isDone);
  const scrapeWorkers = (): Promise<Scrape[]> => Promise.all(workers.map(({ port }) => scrape(port)));
  const idle: number[][] = [];
  const loaded: number[][] = [];
  const dumped: number[][] = [];
  const rates: number[] = [];
  const waits: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    if (selected.has('idle')) idle.push(await during(delay(seconds * 1_000), sample));
    if (selected.has('dump') || selected.has('load')) {
      const before = await scrapeWorkers();
      const work = dump(bench, options.dump);
      dumped.push(await during(work, sample));
      rates.push(await work);
      const after = await scrapeWorkers();
      const longest = after
        .map((scraped, n) => quantileBetween(before[n]!, scraped, WAIT_SERIES, { lane: 'interactive' }, 0.99))
        .filter((wait) => wait !== null);
      if (longest.length > 0) waits.push(Math.max(...longest) * 1_000);
      await clearEvents(environment);
    }
    if (selected.has('load')) {
      loaded.push(await during(sendAtRate(bench, BUSY_SHARE * median(rates), seconds), sample));
      await drained(environment, a);
      await clearEvents(environment);
    }
  }
  if (idle.length > 0) {
    addQuantile(bench, { id: 'idle-p50', name: 'freshness, idle', limit: atMost(15, 10) }, idle, 0.5);
    addQuantile(bench, { id: 'idle-p99', name: 'freshness, idle', limit: atMost(40, 30) }, idle, 0.99);
  }
  if (loaded.length > 0) {
    const name = `freshness beside a partner at ${BUSY_SHARE * 100}% of the dump rate`;
    addQuantile(bench, { id: 'load-p50', name, limit: atMost(40, 20) }, loaded, 0.5);
    addQuantile(bench, { id: 'load-p99', name, limit: atMost(120, 80) }, loaded, 0.99);
  }
  if (selected.has('dump')) {
    const name = `freshness during a dump of ${options.dump.toLocaleString('en')} events`;
    const goal = idle.length > 0 ? 3 * medianP99(idle) : null;
    addQuantile(bench, { id: 'dump-p50', name, limit: atMost(35, 20) }, dumped, 0.5);
    addQuantile(bench, { id: 'dump-p99', name, limit: atMost(200, goal) }, dumped, 0.99);
    const rate = { id: 'dump-rate', name: 'rate of the dump, end to end', unit: 'events/s' };
    bench.reporter.add({ ...rate, values: rates, limit: null, sides: [] });
    if (waits.length > 0) {
      const wait = { id: 'dump-wait-p99', name: 'wait in the interactive lane during the dump, p99', unit: 'ms' };
      bench.reporter.add({ ...wait, values: waits, limit: atMost(40, 25), sides: [] });
    } else {
      bench.reporter.progress(
        `the workers do not export ${WAIT_SERIES}; the wait in the interactive lane is not measured`,
      );
    }
  }
  return rates;
}
