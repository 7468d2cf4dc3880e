import { describe, expect, it } from '@jest/globals';
import { Gauge, Registry } from 'prom-client';
import { createLog } from '../../../../shared/log';
import { listen, metricsListener } from '../../../../shared/process/listen';
import { rawRequest } from '../../../support/raw-request';

describe('metricsListener', () => {
  it('returns 500 without the error message when collecting the metrics fails', async () => {
    const registry = new Registry();
    const collect = (): never => {
      throw new Error('connect ECONNREFUSED 127.0.0.1:6379');
    };
    registry.registerMetric(new Gauge({ name: 'broken', help: 'broken', registers: [], collect }));
    const { server, port } = await listen(metricsListener(registry, createLog('silent', 'test')), 0, 'METRICS_PORT');
    try {
      const { status, text } = await rawRequest(`http://127.0.0.1:${port}`, { path: '/metrics' });
      expect([status, text]).toEqual([500, 'The metrics could not be collected. See the log for the cause.']);
    } finally {
      server.close();
    }
  });
});
