import { Gauge } from 'prom-client';
import type { In } from './values';

interface Reading {
  over: number;
  tenants: number;
}

/** Creates the series about tenants, none of which names one. */
export function tenantSeries({ registers }: In) {
  let read: () => Reading[] = () => [];
  // The registry calls `collect` at each scrape.
  const gauge = new Gauge({
    name: 'mir_tenants_rejected_share',
    help: 'Tenants of whose events this process has rejected more than `over` percent in the last 10 to 20 minutes. Counts tenants with at least 100 events.',
    labelNames: ['over'],
    registers,
    collect() {
      for (const { over, tenants } of read()) gauge.labels(String(over)).set(tenants);
    },
  });
  return {
    tenantsByRejectedShare: {
      /** Sets the function that returns the values at each scrape. */
      onCollect(readings: () => Reading[]): void {
        read = readings;
      },
    },
  };
}
