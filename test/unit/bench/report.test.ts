import { describe, expect, it } from '@jest/globals';
import { type BenchReport, reportMarkdown, reportTable } from '../../bench/report';
import { atLeast, atMost, type Figure, median, quantile, resultOf } from '../../bench/result';
import { compare } from '../../bench/rounds';

const figure = (changes: Partial<Figure> = {}): Figure => ({
  id: 'batch',
  name: 'batch / baseline',
  unit: 'ratio',
  values: [0.7, 0.4, 0.5],
  limit: atLeast(0.5, 0.6),
  sides: [],
  ...changes,
});

const report = (results: Figure[]): BenchReport => ({
  bench: 'bench',
  finishedAt: '2026-11-25T10:00:00.000Z',
  machine: { cpu: 'Example CPU', cores: 2, memoryGiB: 8, system: 'Linux' },
  node: 'v20.20.2',
  stores: { mongo: 'mongod 8', redis: 'Valkey 9' },
  commit: 'abc1234',
  options: { rounds: 3 },
  results: results.map(resultOf),
});

describe('median and quantile', () => {
  it('returns the middle value or the mean of the two middle values', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });

  it('returns the sample at the quantile regardless of the order', () => {
    const samples = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect(quantile(samples, 0.5)).toBe(51);
    expect(quantile(samples, 0.99)).toBe(100);
  });

  it('throws a RangeError if nothing was measured', () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});

describe('resultOf', () => {
  it('compares the median with a lower limit and its goal', () => {
    expect(resultOf(figure())).toMatchObject({ median: 0.5, min: 0.4, max: 0.7, pass: true, goalMet: false });
    expect(resultOf(figure({ values: [0.4] }))).toMatchObject({ pass: false, goalMet: false });
    expect(resultOf(figure({ values: [0.6] }))).toMatchObject({ pass: true, goalMet: true });
  });

  it('compares the median with an upper limit and its goal', () => {
    const latency = { unit: 'ms', limit: atMost(40, 30) };
    expect(resultOf(figure({ ...latency, values: [41] }))).toMatchObject({ pass: false, goalMet: false });
    expect(resultOf(figure({ ...latency, values: [40] }))).toMatchObject({ pass: true, goalMet: false });
    expect(resultOf(figure({ ...latency, values: [30] }))).toMatchObject({ pass: true, goalMet: true });
  });

  it('does not judge a figure without a limit', () => {
    expect(resultOf(figure({ limit: null }))).toMatchObject({ pass: null, goalMet: null });
  });
});

describe('compare', () => {
  it('alternates the order of the two programs and divides the values of each round', async () => {
    const order: string[] = [];
    const rates = { ours: [10, 30], baseline: [5, 20] };
    const measure = (side: 'ours' | 'baseline') => (): Promise<number> => {
      order.push(side);
      return Promise.resolve(rates[side][order.filter((one) => one === side).length - 1]!);
    };
    const comparison = { id: 'x', name: 'x', unit: 'req/s', limit: atLeast(1), rounds: 2 };
    const compared = await compare(comparison, measure('ours'), measure('baseline'));
    expect(order).toEqual(['ours', 'baseline', 'baseline', 'ours']);
    expect(compared).toMatchObject({ unit: 'ratio', values: [2, 1.5] });
    expect(compared.sides.map(({ values }) => values)).toEqual([
      [10, 30],
      [5, 20],
    ]);
  });
});

describe('reportTable', () => {
  it('shows median, spread, limit, goal and verdict of each figure', () => {
    const text = reportTable(report([figure(), figure({ unit: 'ms', values: [1_234.4], limit: atMost(40, 30) })]));
    expect(text).toMatch(/batch \/ baseline +│ +0\.50 │ +0\.40–0\.70 │ +at least 0\.50 │ +0\.60 │ yes /);
    expect(text).toMatch(/1,234 ms │ +1,234–1,234 │ +at most 40 ms │ +30 ms │ NO /);
    expect(text).toContain('commit abc1234; rounds 3');
  });
});

describe('reportMarkdown', () => {
  it('returns one table row per figure, with the absolute values of a ratio in its first cell', () => {
    const sides = [
      { name: 'MIR', unit: 'req/s', values: [1_500] },
      { name: 'baseline', unit: 'req/s', values: [3_000] },
    ];
    const rows = reportMarkdown(report([figure({ sides }), figure({ limit: null })])).split('\n');
    expect(rows[0]).toBe('### bench');
    expect(rows.slice(-2)).toEqual([
      '| batch / baseline<br>MIR 1,500 req/s, baseline 3,000 req/s | 0.50 | 0.40–0.70 | at least 0.50 | 0.60 | yes |',
      '| batch / baseline | 0.50 | 0.40–0.70 | – | – | – |',
    ]);
  });
});
