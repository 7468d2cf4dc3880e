import { describe, expect, it } from '@jest/globals';
import { costsOf, costsTable, needsTable, predictedRate } from '../../bench/sizing/tables';
import { resultOf } from '../../bench/result';

/** A layout that costs 100 s of CPU time per million events, of which the API uses `api`. */
function figures(size: number, rate: number, api: number) {
  const values: Record<string, number> = {
    rate,
    'cpu-of-the-api-per-million': api,
    'cpu-of-workers-per-million': 30,
    'cpu-of-redis-per-million': 6,
    'cpu-of-this-machine-per-million': 100,
    'redis-commands-per-million': 50_000,
  };
  return Object.entries(values).map(([id, value]) =>
    resultOf({ id: `events-${size}-${id}`, name: id, unit: '', values: [value], limit: null, sides: [] }),
  );
}

const REPORT = {
  results: [...figures(1, 15_000, 24), ...figures(4, 20_000, 12)],
  machine: { cpu: 'a CPU', cores: 2, memoryGiB: 8, system: 'Linux' },
};

describe('the tables of sizing.md', () => {
  it('predicts the rate of busy cores from the costs of the smallest layout', () => {
    expect(predictedRate(2, costsOf(REPORT, 'events'))).toBe(20_000);
    expect(costsTable(REPORT, 'events')).toContain(
      '| 1 + 1 | 15,000 | 20,000 (75%) | 24 | 30 | 6 | – | 100 | 50,000 | – |',
    );
    expect(costsTable(REPORT, 'events')).toContain('| 4 + 4 | 20,000 | 20,000 (100%) | 12 |');
  });

  it('calculates the cores for a rate from the costs of the largest layout, at 60% utilization', () => {
    expect(needsTable(REPORT, 'events').split('\n').slice(2)).toEqual([
      '| 10,000 | 0.2 | 0.5 | 0.1 | – |',
      '| 100,000 | 2 | 5 | 1 | – |',
      '| 1,000,000 | 20 | 50 | 10 | – |',
    ]);
  });

  it('names the figure that a report lacks', () => {
    const results = REPORT.results.filter(({ id }) => id !== 'events-4-cpu-of-redis-per-million');
    expect(() => costsOf({ results }, 'events')).toThrow('events-4-cpu-of-redis-per-million');
  });
});
