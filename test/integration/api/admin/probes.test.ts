import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { listen, metricsListener } from '../../../../shared/process/listen';
import { anEvent } from '../../../support/builders';
import { type Harness, startHarness } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { rawRequest } from '../../../support/raw-request';

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness();
});
afterAll(() => mir.close());

describe('health checks and metrics', () => {
  it('returns 200 from /healthz', async () => {
    const { status, body } = await mir.client.get('/healthz');
    expect([status, body]).toEqual([200, { status: 'ok' }]);
  });

  it('reports every dependency in /readyz', async () => {
    const { status, body } = await mir.client.get('/readyz');
    expect([status, body]).toEqual([200, { status: 'ready', checks: { queue: 'up', cache: 'up', store: 'up' } }]);
  });

  it('returns 503 from /readyz while draining, but still returns 200 from /healthz', async () => {
    mir.ctx.draining.now = true;
    try {
      const { status, body, headers } = await mir.client.get('/readyz');
      expect([status, body.status]).toEqual([503, 'draining']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await mir.client.get('/healthz')).status).toBe(200);
    } finally {
      mir.ctx.draining.now = false;
    }
  });

  it('returns 503 from /readyz when the queue is unreachable', async () => {
    const own = await startHarness({ workers: false });
    try {
      own.ctx.queueLink.client.disconnect();
      const { status, body } = await own.client.get('/readyz');
      expect([status, body]).toEqual([
        503,
        { status: 'not ready', checks: { queue: 'down', cache: 'up', store: 'up' } },
      ]);
    } finally {
      await own.ctx.queueLink.client.connect();
      await own.close();
    }
  });

  it('returns 404 from /metrics on the public port', async () => {
    expectProblem(await mir.client.get('/metrics'), 404, 'NOT_FOUND');
  });

  it('returns 200 from /metrics on the public port when METRICS_ON_PUBLIC_PORT is set', async () => {
    const own = await startHarness({ workers: false, env: { METRICS_ON_PUBLIC_PORT: 'true' } });
    try {
      const { status, headers, text } = await rawRequest(own.url, { path: '/metrics' });
      expect([status, headers['content-type']]).toEqual([200, expect.stringMatching(/^text\/plain; version=0\.0\.4/)]);
      expect(text).toContain('mir_http_request_duration_seconds');
    } finally {
      await own.close();
    }
  });

  /** Returns the value of the first series of a metric that has these labels, or undefined if no series matches. */
  function valueOf(text: string, name: string, labels: Record<string, string>): number | undefined {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const line = text
      .split('\n')
      .find((series) => series.startsWith(`${name}{`) && wanted.every((pair) => series.includes(pair)));
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
  }

  it('exposes request counts on the metrics port without identifying any partner, user, event or key', async () => {
    const { liveKey, partnerId, key } = await mir.partner();
    const event = anEvent({ userExternalId: 'user-4711', idempotencyKey: 'order-1' });
    const sent = await mir.client.post('/v1/events', liveKey, event);
    await mir.drained();
    await mir.client.get(`/v1/events/${sent.body.eventId}`, liveKey);
    const read = await mir.client.get('/v1/events?userExternalId=user-4711', liveKey);
    await mir.client.get(`/v1/events/receipts/${sent.body.receiptId}`, liveKey);
    await mir.client.post('/v1/resolve', liveKey, { userExternalId: 'user-4711' });
    const { server, port } = await listen(metricsListener(mir.ctx.metrics.registry, mir.ctx.log), 0, 'METRICS_PORT');
    try {
      const { status, text } = await rawRequest(`http://127.0.0.1:${port}`, { path: '/metrics' });
      expect(status).toBe(200);
      const count = 'mir_http_request_duration_seconds_count';
      expect(valueOf(text, count, { route: '/events', method: 'POST', status_class: '2xx' })).toBe(1);
      expect(valueOf(text, count, { route: '/events/:eventId', method: 'GET', status_class: '2xx' })).toBe(1);
      expect(valueOf(text, 'mir_events_submitted_total', { answer: 'accepted' })).toBe(1);
      expect(valueOf(text, 'mir_signals_reads_total', { source: 'cache' })).toBe(1);
      const { eventId, receiptId } = sent.body;
      for (const secret of [
        partnerId,
        key.tag,
        'user-4711',
        'order-1',
        eventId,
        receiptId,
        read.body.data[0].userRef,
      ]) {
        expect(text).not.toContain(secret);
      }
      expect((await rawRequest(`http://127.0.0.1:${port}`, { path: '/v1/events' })).status).toBe(404);
    } finally {
      server.close();
    }
  });
});
