import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { VERSION } from '../project';
import { agentSeries } from './agents';
import { eventSeries } from './events';
import { overloadSeries } from './overload';
import { queueSeries } from './queues';
import { requestSeries } from './requests';
import { storeSeries } from './stores';

/**
 * Every series of both tiers. Labels take few values, known beforehand: no partner, user, agent or event ever. Where
 * the values of a label are closed, its series are made here, so that counting is one call on the hot path.
 */
export function createMetrics(service: 'api' | 'worker') {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const both = { registers: [registry] };
  const help = '1, with the version of MIR that the process runs.';
  new Gauge({ name: 'mir_build_info', help, labelNames: ['version'], ...both }).set({ version: VERSION }, 1);
  const api = { registers: service === 'api' ? [registry] : [] };
  const worker = { registers: service === 'worker' ? [registry] : [] };
  return {
    registry,
    ...requestSeries(api),
    ...overloadSeries(api),
    ...eventSeries(worker),
    ...queueSeries(worker),
    ...agentSeries(worker),
    ...storeSeries(both),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
