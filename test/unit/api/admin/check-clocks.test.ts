import { describe, expect, it } from '@jest/globals';
import { compareClocks } from '../../../../api/admin/health/check-clocks';

describe('clocks', () => {
  const reading = (ahead: number) => ({ atMs: 1_000_000 + ahead, sentMs: 1_000_000, heardMs: 1_000_010 });

  it('agree while a difference may be the way of the answer', () => {
    expect(compareClocks([{ of: 'Redis', reading: reading(7) }])).toMatchObject({ verdict: 'OK' });
  });

  it.each([
    [2_000, 'WARN', 'Redis is 1990 ms ahead'],
    [-2_000, 'WARN', 'Redis is 2000 ms behind'],
    [60_000, 'FAIL', 'Redis is 59990 ms ahead'],
  ])('that are %i ms off are a %s', (ahead, verdict, found) => {
    expect(compareClocks([{ of: 'Redis', reading: reading(ahead) }])).toMatchObject({ verdict, found });
  });
});
