import { describe, expect, it } from '@jest/globals';
import { Counter, Histogram, Registry } from 'prom-client';
import { parseMetrics, quantileBetween, sumOf } from '../../bench/metrics';

const LANE = { lane: 'interactive' };

function createProcess() {
  const registers = [new Registry()];
  registers[0]!.setDefaultLabels({ service: 'worker' });
  return {
    retries: new Counter({ name: 'retries_total', help: 'help', labelNames: ['reason'], registers }),
    wait: new Histogram({
      name: 'wait_seconds',
      help: 'help',
      labelNames: ['lane'],
      buckets: [0.01, 0.1, 1],
      registers,
    }),
    scrape: async () => parseMetrics(await registers[0]!.metrics()),
  };
}

describe('sumOf', () => {
  it('adds the series of a metric and filters by label', async () => {
    const { retries, scrape } = createProcess();
    retries.inc({ reason: 'transient' }, 2);
    retries.inc({ reason: 'duplicate' }, 3);
    const samples = await scrape();
    expect(sumOf(samples, 'retries_total')).toBe(5);
    expect(sumOf(samples, 'retries_total', { reason: 'duplicate' })).toBe(3);
    expect(sumOf(samples, 'retries')).toBe(0);
  });
});

describe('quantileBetween', () => {
  it('interpolates within the bucket of what was observed between the scrapes', async () => {
    const { wait, scrape } = createProcess();
    wait.observe(LANE, 0.5);
    wait.observe({ lane: 'bulk' }, 0.5);
    const before = await scrape();
    for (let n = 0; n < 100; n += 1) wait.observe(LANE, 0.05);
    const after = await scrape();
    expect(quantileBetween(before, after, 'wait_seconds', LANE, 0.5)).toBeCloseTo(0.055);
    expect(quantileBetween(before, after, 'wait_seconds', LANE, 1)).toBeCloseTo(0.1);
  });

  it('returns the highest finite bound if the quantile is above it', async () => {
    const { wait, scrape } = createProcess();
    const before = await scrape();
    wait.observe(LANE, 30);
    expect(quantileBetween(before, await scrape(), 'wait_seconds', LANE, 0.5)).toBe(1);
  });

  it('returns null if the histogram does not exist or observed nothing', async () => {
    const { wait, scrape } = createProcess();
    wait.observe(LANE, 0.05);
    const before = await scrape();
    expect(quantileBetween(before, await scrape(), 'wait_seconds', LANE, 0.5)).toBeNull();
    expect(quantileBetween(before, await scrape(), 'other_seconds', LANE, 0.5)).toBeNull();
  });
});
