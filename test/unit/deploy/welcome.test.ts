import { describe, expect, it } from '@jest/globals';
import { welcome } from '../../../deploy/local/welcome';

const partner = { partnerId: 'prt_1', liveApiKey: 'mir_live_one', testApiKey: 'mir_test_one' };
const facts = {
  url: 'http://localhost:4000',
  metricsUrl: 'http://localhost:4100/metrics',
  dataDir: '/data',
  mongo: 'MongoDB 8',
  redis: 'Valkey 8',
  workers: 1,
  isOperatorInvited: true,
  adminToken: 'ADMIN_TOKEN as given',
  color: false,
};

describe('welcome', () => {
  const lines = welcome({ ...facts, partner }).split('\n');
  const after = (start: string): string | undefined => lines[lines.findIndex((line) => line.startsWith(start)) + 1];

  it("shows both of the demo partner's keys and the purpose of each", () => {
    expect(lines).toContain('  test key mir_test_one');
    expect(after('  test key')).toBe('           for testing; its data never mixes with live data');
    expect(lines).toContain('  live key mir_live_one');
    expect(after('  live key')).toBe('           for real data');
  });

  it('suggests calls to /v1 with the test key', () => {
    const calls = lines.filter((line) => line.startsWith('curl '));
    expect(calls).toHaveLength(2);
    for (const call of calls)
      expect(call).toMatch(/^curl -s http:\/\/localhost:4000\/v1\/.* -H 'x-api-key: mir_test_one'/);
  });

  it('says that the first operator is invited, until the invitation is accepted', () => {
    const operatorLine = (isOperatorInvited: boolean): string =>
      welcome({ ...facts, isOperatorInvited, partner })
        .split('\n')
        .find((line) => line.startsWith('  operator'))!;
    expect(operatorLine(true)).toContain('/console (first accept the invitation in the emails)');
    expect(operatorLine(false)).toMatch(/\/console$/);
  });

  it('does not show any keys or calls if there is no demo partner', () => {
    expect(welcome({ ...facts, partner: null })).not.toMatch(/live key|test key|curl/);
  });
});
