import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { VERSION } from '../project';
import { agentSeries } from './agents';
import { eventSeries } from './events';
import { overloadSeries } from './overload';
import { queueSeries } from './queues';
import { requestSeries } from './requests';
import { tenantSeries } from './tenants';
import { storeSeries } from './stores';
import { webhookSeries } from './webhooks';

/**
 * Creates every series for a service. Labels have few possible values and never identify a partner, user, agent or
 * event. Creates the series of labels with a fixed set of values up front, so the hot path only increments them.
 */
export function createMetrics(service: 'api' | 'worker') {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const both = { registers: [registry] };
  const help = 'Always 1, labeled with the running version of MIR.';
  new Gauge({ name: 'mir_build_info', help, labelNames: ['version'], ...both }).set({ version: VERSION }, 1);
  const api = { registers: service === 'api' ? [registry] : [] };
  const worker = { registers: service === 'worker' ? [registry] : [] };
  return {
    registry,
    /** For links in alerts and dashboards, for example to the runbook. */
    publicUrl: new Gauge({
      name: 'mir_public_url_info',
      help: 'Always 1, labeled with the URL at which people reach MIR.',
      labelNames: ['url'],
      ...api,
    }),
    ...requestSeries(api),
    ...overloadSeries(api),
    ...tenantSeries(api),
    ...eventSeries(worker),
    ...queueSeries(worker),
    ...agentSeries(worker),
    ...webhookSeries(worker),
    ...storeSeries(both),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
