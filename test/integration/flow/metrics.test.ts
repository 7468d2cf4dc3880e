import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Registry } from 'prom-client';
import type { Runtime } from '../../../shared/runtime';
import { EVENT_QUEUES } from '../../../shared/queue/event-chunk';
import { QUEUE_NAMES } from '../../../shared/queue/queues';
import { openRuntime } from '../../../shared/runtime';
import { readConfig } from '../../../shared/config/config';
import { OUTBOXES } from '../../../shared/store/store';
import { VERSION } from '../../../shared/project';
import { startWorkers, type RunningWorkers } from '../../../workers/start-workers';
import { createApp } from '../../../api/app';
import { ADMIN_TOKEN, type Harness, startHarness } from '../../support/harness';
import { playTraffic } from '../../support/traffic';
import { waitUntil } from '../../support/wait-until';

interface Sample {
  metric: string;
  labels: Record<string, string | number>;
  value: number;
}

let mir: Harness;
let runtime: Runtime;
let workers: RunningWorkers;
let names: string[];
let samples: Sample[];

async function samplesOf(registry: Registry): Promise<Sample[]> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.flatMap(({ name, values }) =>
    (values as { metricName?: string; labels: Sample['labels']; value: number }[]).map(
      ({ metricName, labels, value }) => ({ metric: metricName ?? name, labels, value }),
    ),
  );
}

beforeAll(async () => {
  mir = await startHarness({ workers: false });
  runtime = await openRuntime(readConfig(mir.env), 'worker');
  workers = await startWorkers(runtime);
  names = await playTraffic(mir.client, mir.ctx.store, ADMIN_TOKEN);
  await waitUntil('the pings are measured and the closed cascade is no longer counted as open', async () => {
    const all = await samplesOf(runtime.metrics.registry);
    const pings = all.filter(({ metric, value }) => metric.endsWith('_ping_seconds_count') && value > 0);
    // Gauges are updated every 5 s, so an update during the traffic may have counted the cascade.
    const open = all.filter(({ metric, value }) => metric === 'mir_cascades_open' && value > 0);
    return pings.length === 3 && open.length === 0;
  });
  samples = [...(await samplesOf(mir.ctx.metrics.registry)), ...(await samplesOf(runtime.metrics.registry))];
});
afterAll(async () => {
  await workers.stop();
  await runtime.close();
  await mir.close();
});

/** Returns the paths of all routes in the app, without the /v1 prefix. */
function routesOf(): string[] {
  const paths = createApp(mir.ctx).router.stack.flatMap(({ route }) => (route ? [route.path].flat() : []));
  return [...new Set(paths.map((path) => path.replace(/^\/v1(?=\/)/, '')))];
}

/** The allowed values of each label in MIR's own series, except `rule`, which the test matches against a pattern. */
const ALLOWED: Record<string, readonly string[]> = {
  service: ['api', 'worker'],
  version: [VERSION],
  // The setting PUBLIC_URL, which has this default.
  url: ['http://localhost:3000'],
  method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'other'],
  status_class: ['2xx', '3xx', '4xx', '5xx'],
  policy: ['events', 'requests', 'control', 'introspections'],
  answer: ['accepted', 'refused'],
  source: ['cache', 'store'],
  outcome: ['PERSISTED', 'DUPLICATE', 'CONFLICT', 'FAILED', 'ERASED'],
  result: ['recorded', 'omitted', 'delivered', 'retried', 'failed'],
  reason: ['transient', 'duplicate', 'rejected'],
  breaker: ['authority-read', 'signals-read'],
  state: ['closed', 'half_open', 'open', 'waiting', 'prioritized', 'active', 'delayed', 'failed'],
  queue: QUEUE_NAMES,
  lane: Object.keys(EVENT_QUEUES),
  shard: ['0'],
  status: ['RUNNING', 'PARTIAL'],
  role: ['queue', 'cache'],
  what: ['queues', 'cascades', 'audit', 'outbox', 'webhooks', 'backups'],
  over: ['5', '20', '50'],
  rows: OUTBOXES,
};

describe('GET /metrics', () => {
  it('uses only allowed label values after every kind of traffic', () => {
    const own = samples.filter(({ metric }) => metric.startsWith('mir_'));
    const allowed: typeof ALLOWED = { ...ALLOWED, route: [...routesOf(), 'unmatched'] };
    const isKnown = (label: string, value: string): boolean =>
      label === 'le' || (label === 'rule' ? /^[a-z-]{3,40}$/.test(value) : allowed[label]?.includes(value) === true);
    const unknown = own.flatMap(({ metric, labels }) =>
      Object.entries(labels)
        .filter(([label, value]) => !isKnown(label, String(value)))
        .map(([label, value]) => `${metric} ${label}=${value}`),
    );
    expect([...new Set(unknown)]).toEqual([]);
    expect(own.length).toBeGreaterThan(100);
  });

  it('does not expose any partner, user, event or agent IDs, or any keys', async () => {
    const text = (await mir.ctx.metrics.registry.metrics()) + (await runtime.metrics.registry.metrics());
    expect(names.filter((name) => text.includes(name))).toEqual([]);
    expect(names.length).toBeGreaterThan(10);
  });

  const total = (metric: string, wanted: Record<string, string> = {}): number =>
    samples
      .filter((one) => one.metric === metric && Object.entries(wanted).every(([l, v]) => one.labels[l] === v))
      .reduce((sum, { value }) => sum + value, 0);

  describe('values after known traffic', () => {
    const count = 'mir_http_request_duration_seconds_count';
    it.each([
      ['an unknown path', { route: 'unmatched', method: 'other', status_class: '4xx' }, 2],
      ['an unsupported method', { route: '/resolve', method: 'other', status_class: '4xx' }, 1],
      ['a probe', { route: '/healthz', method: 'GET', status_class: '2xx' }, 1],
      ['the OpenAPI document', { route: '/openapi.json', method: 'GET', status_class: '2xx' }, 1],
      ['a kill', { route: '/agents/:id/revoke-descendants', method: 'POST', status_class: '2xx' }, 1],
      ['events, with and without /v1', { route: '/events', method: 'POST', status_class: '2xx' }, 5],
    ])('counts requests for %s', (_what, labels, expected) => {
      expect(total(count, labels)).toBe(expected);
    });

    it.each<[string, Record<string, string>, number]>([
      ['mir_rate_limited_total', { policy: 'events' }, 1],
      ['mir_rate_limited_total', { policy: 'requests' }, 1],
      ['mir_throttled_total', {}, 1],
      ['mir_events_submitted_total', { answer: 'refused' }, 2],
      ['mir_rejections_total', { result: 'recorded' }, 5],
      ['mir_events_settled_total', { outcome: 'CONFLICT' }, 1],
      ['mir_signals_reads_total', { source: 'cache' }, 1],
      ['mir_breaker_state', { state: 'closed' }, 2],
      ['mir_breaker_state', { state: 'open' }, 0],
      ['mir_agents_revoked_total', {}, 2],
      ['mir_cascade_duration_seconds_count', {}, 1],
      ['mir_cascades_open', { status: 'RUNNING' }, 0],
      ['mir_jobs_done_total', { queue: 'cascades' }, 1],
      ['mir_jobs_failed_total', {}, 0],
      ['mir_outbox_overdue_seconds', {}, 0],
      ['mir_mongo_ping_failures_total', {}, 0],
    ])('reports the expected value of %s %j', (metric, labels, expected) => {
      expect(samples.some((one) => one.metric === metric)).toBe(true);
      expect(total(metric, labels)).toBe(expected);
    });

    it.each([
      'mir_jobs_done_total',
      'mir_commit_duration_seconds_count',
      'mir_commit_events_count',
      'mir_freshness_seconds_count',
      'mir_mongo_pool_size',
      'mir_queue_redis_memory_bytes',
      'mir_queued_bytes_limit',
      'mir_gauges_read_timestamp_seconds',
      'nodejs_eventloop_lag_p99_seconds',
    ])('reports a value above 0 for %s', (metric) => {
      expect(total(metric)).toBeGreaterThan(0);
    });
  });

  it('does not create any new series for the same kinds of traffic from another partner', async () => {
    const registries = [mir.ctx.metrics.registry, runtime.metrics.registry];
    const seriesNow = async (): Promise<string[]> => {
      const all = (await Promise.all(registries.map(samplesOf))).flat();
      const own = all.filter(({ metric }) => metric.startsWith('mir_'));
      return own.map(({ metric, labels }) => `${metric} ${JSON.stringify(labels)}`);
    };
    const before = new Set(await seriesNow());
    await playTraffic(mir.client, mir.ctx.store, ADMIN_TOKEN);
    expect((await seriesNow()).filter((one) => !before.has(one))).toEqual([]);
  });

  it('initializes the 5xx count for every route to 0', () => {
    const shown = samples.filter(
      ({ metric, labels }) => metric.endsWith('request_duration_seconds_count') && labels['status_class'] === '5xx',
    );
    expect(new Set(shown.map(({ labels }) => labels['route']))).toEqual(new Set([...routesOf(), 'unmatched']));
  });
});
