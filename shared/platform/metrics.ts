import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const LATENCY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const FRESHNESS_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300];
const GROUP_EVENTS = [1, 5, 25, 100, 250, 500, 1000, 2000];

/** Every series of both tiers. No partner, user or event ids in labels, ever. */
export function createMetrics(service: 'api' | 'worker') {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    requestSeconds: new Histogram({
      name: 'mir_http_request_duration_seconds',
      help: 'Time from request to answer.',
      labelNames: ['route', 'method', 'status_class'],
      buckets: LATENCY_SECONDS,
      registers,
    }),
    eventsSubmitted: new Counter({
      name: 'mir_events_submitted_total',
      help: 'Events at the door, by what the door said.',
      labelNames: ['answer'],
      registers,
    }),
    rateLimited: new Counter({
      name: 'mir_rate_limited_total',
      help: 'Requests refused for their budget.',
      labelNames: ['policy'],
      registers,
    }),
    signalsReads: new Counter({
      name: 'mir_signals_reads_total',
      help: 'Signals rows read, by source.',
      labelNames: ['source'],
      registers,
    }),
    passwordHashes: new Counter({
      name: 'mir_password_hashes_total',
      help: 'Passwords of people that were hashed or checked.',
      registers,
    }),
    breakerState: new Gauge({
      name: 'mir_breaker_open',
      help: '1 while the breaker refuses calls.',
      labelNames: ['breaker'],
      registers,
    }),
    queuedBytes: new Gauge({ name: 'mir_queued_bytes', help: 'Event payload bytes in the queue.', registers }),
    queueDepth: new Gauge({
      name: 'mir_queue_jobs',
      help: 'Jobs by queue and state.',
      labelNames: ['queue', 'state'],
      registers,
    }),
    eventOutcomes: new Counter({
      name: 'mir_events_settled_total',
      help: 'Events by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    commitSeconds: new Histogram({
      name: 'mir_commit_duration_seconds',
      help: 'Time of one group commit, retries included.',
      buckets: LATENCY_SECONDS,
      registers,
    }),
    commitEvents: new Histogram({
      name: 'mir_commit_events',
      help: 'Events in one group commit.',
      buckets: GROUP_EVENTS,
      registers,
    }),
    commitRetries: new Counter({
      name: 'mir_commit_retries_total',
      help: 'Commits tried again, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    freshnessSeconds: new Histogram({
      name: 'mir_freshness_seconds',
      help: 'Time from the acceptance of a chunk until its signals are visible.',
      buckets: FRESHNESS_SECONDS,
      registers,
    }),
    agentsRevoked: new Counter({ name: 'mir_agents_revoked_total', help: 'Agents revoked by cascades.', registers }),
    cascadeSeconds: new Histogram({
      name: 'mir_cascade_duration_seconds',
      help: 'Time from a kill to its cascade being closed.',
      buckets: FRESHNESS_SECONDS,
      registers,
    }),
    cascadesOpen: new Gauge({
      name: 'mir_cascades_open',
      help: 'Cascades that are not closed, by status.',
      labelNames: ['status'],
      registers,
    }),
    auditSealed: new Counter({
      name: 'mir_audit_sealed_total',
      help: 'Audit entries sealed into their chains.',
      registers,
    }),
    auditUnsealed: new Gauge({
      name: 'mir_audit_unsealed',
      help: 'Audit entries that wait to be sealed; counts to 100000.',
      registers,
    }),
    jobsFailed: new Counter({
      name: 'mir_jobs_failed_total',
      help: 'Jobs that ended in the dead letters.',
      labelNames: ['queue'],
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
