import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Tenant } from '../../../../shared/domain/ids';
import { createLog } from '../../../../shared/log';
import { createMetrics, type Metrics } from '../../../../shared/metrics/metrics';
import { createRejectedShares, type RejectedShares } from '../../../../shared/rejections/rejected-shares';

const TEN_MINUTES_MS = 10 * 60_000;

let nowMs: number;
let metrics: Metrics;
let logged: object[];
let shares: RejectedShares;
beforeEach(() => {
  nowMs = Date.UTC(2026, 0, 1);
  metrics = createMetrics('api');
  logged = [];
  const log = createLog('silent', 'api');
  log.warn = (facts: object) => void logged.push(facts);
  shares = createRejectedShares({ metrics, log }, () => nowMs);
});

/** Returns the number of tenants above each share, as a scrape shows it. */
async function tenantsOver(): Promise<Record<string, number>> {
  const { values } = await metrics.registry.getSingleMetric('mir_tenants_rejected_share')!.get();
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels['over']), value]));
}

describe('createRejectedShares', () => {
  it('counts tenants by the share of their events that is rejected', async () => {
    expect(await tenantsOver()).toEqual({ 5: 0, 20: 0, 50: 0 });
    shares.count('a' as Tenant, 90, 10);
    shares.count('b' as Tenant, 70, 30);
    shares.count('c' as Tenant, 40, 60);
    shares.count('fine' as Tenant, 1_000, 0);
    expect(await tenantsOver()).toEqual({ 5: 3, 20: 2, 50: 1 });
  });

  it('leaves out tenants with few events', async () => {
    shares.count('a' as Tenant, 0, 99);
    expect(await tenantsOver()).toEqual({ 5: 0, 20: 0, 50: 0 });
    shares.count('a' as Tenant, 0, 1);
    expect(await tenantsOver()).toEqual({ 5: 1, 20: 1, 50: 1 });
  });

  it('forgets events after at most 20 minutes', async () => {
    shares.count('a' as Tenant, 0, 100);
    nowMs += TEN_MINUTES_MS;
    expect(await tenantsOver()).toMatchObject({ 50: 1 });
    nowMs += TEN_MINUTES_MS;
    expect(await tenantsOver()).toMatchObject({ 5: 0 });
  });

  it('logs a tenant above 20% once an hour', () => {
    for (let n = 0; n < 7; n += 1) {
      shares.count('a' as Tenant, 70, 30);
      nowMs += TEN_MINUTES_MS;
    }
    expect(logged).toEqual([
      { tenant: 'a', percent: 30 },
      { tenant: 'a', percent: 30 },
    ]);
  });
});
