import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot, VERSION } from '../../../shared/project';
import { freePort } from '../../../deploy/local/ports';
import { register, spawn } from '../../support/agents';
import { anEvent } from '../../support/builders';
import { type Collector, KINDS, type Span, testCollectors } from '../../support/collector';
import { freshEnv, type Harness, startHarness, type TestPartner } from '../../support/harness';
import { testProcesses } from '../../support/processes';
import type { TestProcess } from '../../support/start-process';
import { waitUntil } from '../../support/wait-until';

const start = testProcesses();
const startCollector = testCollectors();

let mir: Harness;
let partner: TestPartner;
let collector: Collector;
let api: TestProcess;
beforeAll(async () => {
  // The harness provides only the databases. All requests go to the processes started below.
  mir = await startHarness({ workers: false });
  partner = await mir.partner();
  collector = await startCollector();
  const env = { ...mir.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '50' };
  api = await start('api', env);
  await start('worker', env);
});
afterAll(() => mir.close());

/** Waits for a matching span. */
async function findSpan(what: string, matches: (span: Span) => boolean): Promise<Span> {
  await waitUntil(`${what} is exported`, () => collector.spans.some(matches));
  return collector.spans.find(matches)!;
}

const childOf = (parent: Span, name: string): Promise<Span> =>
  findSpan(`${name} in ${parent.name}`, (span) => span.parentSpanId === parent.spanId && span.name === name);

describe('tracing', () => {
  it('covers a request, its job and the commit with one trace', async () => {
    const headers = { 'x-request-id': 'traced-request' };
    const { status } = await api.client.post('/v1/events', partner.liveKey, anEvent(), headers);
    expect(status).toBe(202);
    const request = await findSpan('the request', ({ name }) => name === 'POST /events');
    expect(request).toMatchObject({
      service: 'mir-api',
      kind: KINDS.server,
      attributes: { 'http.route': '/events', 'http.request.method': 'POST', 'http.response.status_code': 202 },
    });
    const enqueue = await childOf(request, 'enqueue');
    const add = await childOf(enqueue, 'add events.events');
    const job = await childOf(add, 'process events');
    const commit = await childOf(job, 'commit');
    expect([job.service, job.kind, commit.service]).toEqual(['mir-worker', KINDS.consumer, 'mir-worker']);
    expect(commit.attributes).toMatchObject({ 'mir.events': 1, 'mir.jobs': 1 });
    const traces = new Set([request, enqueue, add, job, commit].map(({ traceId }) => traceId));
    expect([...traces]).toEqual([request.traceId]);
  });

  it('records the version of MIR as service.version', () => {
    expect(collector.text()).toContain(`{"key":"service.version","value":{"stringValue":"${VERSION}"}}`);
  });

  it('makes one of the requests that share a job the parent of the enqueue span, and links the others', async () => {
    const before = new Set(collector.spans);
    const fresh = (name: string): Span[] => collector.spans.filter((span) => !before.has(span) && span.name === name);
    await Promise.all(Array.from({ length: 20 }, () => api.client.post('/v1/events', partner.liveKey, anEvent())));
    await waitUntil('all requests are exported', () => fresh('POST /events').length === 20);
    const parentsAndLinks = (): Set<string> =>
      new Set(
        fresh('enqueue').flatMap(({ parentSpanId, links }) => [parentSpanId!, ...links.map(({ spanId }) => spanId)]),
      );
    const requests = fresh('POST /events').map(({ spanId }) => spanId);
    await waitUntil('every request is a parent or linked', () => requests.every((id) => parentsAndLinks().has(id)));
  });

  it('covers a kill and its cascade with one trace', async () => {
    const root = await register(api.client, partner.liveKey);
    const { status } = await api.client.post(`/v1/agents/${root.id}/revoke-descendants`, partner.liveKey, {});
    expect(status).toBe(202);
    const kill = await findSpan('the kill', ({ name }) => name === 'POST /agents/:id/revoke-descendants');
    await findSpan('its cascade', ({ name, traceId }) => name === 'process cascades' && traceId === kill.traceId);
  });

  it("links the caller's trace instead of continuing it, so that callers cannot control sampling", async () => {
    const traceId = 'ab'.repeat(16);
    const traceparent = `00-${traceId}-${'cd'.repeat(8)}-00`;
    await api.client.request('GET', '/v1/event-types', { key: partner.liveKey, headers: { traceparent } });
    const span = await findSpan('the request', ({ name }) => name === 'GET /event-types');
    expect(span.traceId).not.toBe(traceId);
    expect(span.parentSpanId ?? '').toBe('');
    expect(span.links).toMatchObject([{ traceId, spanId: 'cd'.repeat(8) }]);
  });

  it('records the status of unmatched requests, but does not trace probes or background work', async () => {
    await api.client.get('/healthz');
    await api.client.get('/nowhere');
    const unmatched = await findSpan('the unmatched request', ({ name }) => name === 'other unmatched');
    expect(unmatched.attributes).toMatchObject({ 'http.response.status_code': 404 });
    const roots = collector.spans.filter(({ parentSpanId }) => !parentSpanId);
    expect(roots.length).toBeGreaterThan(20);
    expect(roots.filter(({ kind }) => kind === KINDS.internal)).toEqual([]);
    expect(collector.spans.filter(({ name }) => name.includes('/healthz'))).toEqual([]);
  });

  it('does not record keys, user IDs or other request content', async () => {
    const commits = (): number => collector.spans.filter(({ name }) => name === 'commit').length;
    const before = commits();
    const event = anEvent({
      userExternalId: 'raw-user-id',
      idempotencyKey: 'order-4711',
      metadata: { note: 'mine' },
    });
    const sent = await api.client.post('/v1/events?trick=query-text', partner.liveKey, event, {
      'x-api-key': partner.liveKey,
    });
    const child = await register(api.client, partner.liveKey, { name: 'Very private name' });
    await spawn(api.client, partner.liveKey, child.id).catch(() => undefined);
    await waitUntil('the commit is exported', () => commits() > before);
    await findSpan('the last request', ({ name }) => name === 'POST /agents/:id/spawn');
    const text = collector.text();
    const secrets = ['raw-user-id', 'order-4711', 'mine', 'query-text', 'Very private name'];
    for (const secret of [...secrets, partner.liveKey, child.key, partner.key.tag, sent.body.eventId]) {
      expect(text).not.toContain(secret);
    }
  });

  it('serves requests and exits normally while the collector is unreachable', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const untraced = await start('api', { ...freshEnv(), OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
    expect((await untraced.client.get('/readyz')).status).toBe(200);
    expect((await untraced.client.get('/nowhere')).status).toBe(404);
    expect(await untraced.stop()).toEqual({ code: 0, signal: null });
  });

  it('does not load any tracing packages if no endpoint is configured', () => {
    const program = `
    for (const part of ['api/app', 'api/context', 'workers/start-workers', 'shared/runtime']) require('./dist/' + part + '.js');
    const { createTracing } = require('./dist/shared/tracing/create-tracing.js');
    // prom-client loads the OpenTelemetry API, which records nothing without an SDK.
    const ours = /@opentelemetry.(?!api\\b)|bullmq-otel|open-tracing/;
    const found = () => Object.keys(require.cache).filter((file) => ours.test(file)).length;
    const before = [createTracing(null, 'api').telemetry === undefined, found()];
    createTracing({ endpoint: 'http://127.0.0.1:9', ratio: 1 }, 'api', { warn() {} });
    console.log(JSON.stringify([...before, found() > 0]));
    process.exit();
  `;
    const output = execFileSync(process.execPath, ['-e', program], { cwd: projectRoot(), encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual([true, 0, true]);
  });
});
