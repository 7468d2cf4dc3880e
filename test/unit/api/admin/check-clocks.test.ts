import { describe, expect, it } from '@jest/globals';
import { compareClocks } from '../../../../api/admin/health/check-clocks';

describe('compareClocks', () => {
  const reading = (ahead: number) => ({ atMs: 1_000_000 + ahead, sentMs: 1_000_000, receivedMs: 1_000_010 });

  it('returns OK when network delay can explain the difference', () => {
    expect(compareClocks([{ of: 'Redis', reading: reading(7) }])).toMatchObject({ verdict: 'OK' });
  });

  it.each([
    [2_000, 'WARN', 'Redis is 1990 ms ahead'],
    [-2_000, 'WARN', 'Redis is 2000 ms behind'],
    [60_000, 'FAIL', 'Redis is 59990 ms ahead'],
  ])('reports a clock that is off by %i ms as %s', (ahead, verdict, found) => {
    expect(compareClocks([{ of: 'Redis', reading: reading(ahead) }])).toMatchObject({ verdict, found });
  });
});
