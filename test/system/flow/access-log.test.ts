import { beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../../shared/domain/api-key';
import { faultEnvironment } from '../../support/fault-environment';
import type { Harness } from '../../support/harness';
import { newNeedle } from '../../support/needles';
import type { TestProcess } from '../../support/start-process';
import { waitUntil } from '../../support/wait-until';

const { start, serve } = faultEnvironment();
let mir: Harness;
beforeAll(async () => {
  mir = await serve({ workers: false });
});

const linesOf = (process: TestProcess): Record<string, unknown>[] =>
  process
    .stdout()
    .split('\n')
    .filter((line) => line.includes('"log":"access"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('the access log', () => {
  it('has one line per response, with what MIR decided and nothing that the client sent', async () => {
    const api = await start('api', { ...mir.env, LOG_LEVEL: 'error', ACCESS_LOG: 'true' });
    const { liveKey, partnerId } = await mir.partner();
    const unknown = newApiKey('live', partnerId.slice('prt_'.length)).key;
    const needle = newNeedle();
    const headers = { 'x-request-id': 'req-1' };
    await api.client.request('GET', `/v1/events?userExternalId=${needle}`, { key: liveKey, headers });
    await api.client.post('/v1/resolve', liveKey, { userExternalId: needle, other: needle });
    await api.client.get('/v1/events', unknown);
    await api.client.get(`/v1/${needle}`, liveKey);
    await waitUntil('all responses are logged', () => linesOf(api).length === 4);
    const [first, ...others] = linesOf(api);
    expect(first).toEqual({
      level: 30,
      time: expect.any(String),
      service: 'api',
      pid: api.pid,
      log: 'access',
      msg: 'request',
      requestId: 'req-1',
      method: 'GET',
      route: '/events',
      status: 200,
      code: null,
      durationMs: expect.any(Number),
      tenant: `${partnerId}:live`,
      group: 'events',
      rejectedEvents: 0,
      usageHour: expect.stringMatching(/:00:00\.000Z$/),
      usageBatch: expect.stringMatching(/^[0-9a-f]{16}:\d+$/),
    });
    expect(others).toMatchObject([
      { method: 'POST', route: '/resolve', status: 422, code: 'VALIDATION_FAILED', group: 'signals' },
      { method: 'GET', route: '/events', status: 401, code: 'API_KEY_INVALID', tenant: null },
      { method: 'other', route: 'unmatched', status: 404, code: 'NOT_FOUND', tenant: null },
    ]);
    expect(others[1]).not.toHaveProperty('usageBatch');
    const { exit } = api;
    await Promise.all([api.stop(), exit]);
    for (const secret of [needle, liveKey, unknown]) expect(api.stdout() + api.stderr()).not.toContain(secret);
  });

  it('is off by default', async () => {
    const api = await start('api', { ...mir.env, LOG_LEVEL: 'info' });
    expect((await api.client.get('/v1/event-types')).status).toBe(200);
    await api.stop();
    expect(linesOf(api)).toEqual([]);
  });
});
