import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { MAX_RECEIVERS_PER_TENANT } from '../../../../shared/domain/receiver';
import { register } from '../../../support/agents';
import type { Harness, TestPartner } from '../../../support/harness';
import { asAdmin } from '../../../support/partners';
import { expectProblem } from '../../../support/problems';
import { sharedHarness } from '../../../support/shared-harness';

const URL = 'https://harbour.example/kills';

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());
beforeEach(async () => {
  partner = await mir.partner();
});

const send = (method: string, path = '', body?: unknown, key = partner.liveKey) =>
  mir.client.request(method, `/v1/receivers${path}`, { key, ...(body === undefined ? {} : { body }) });
const list = async (key = partner.liveKey) => (await send('GET', '', undefined, key)).body.data as unknown[];

describe('/v1/receivers', () => {
  it('creates a receiver of Security Event Tokens without a secret', async () => {
    const { status, body } = await send('POST', '', { url: URL, format: 'SET' });
    expect(status).toBe(201);
    expect(body).toEqual({
      receiverId: expect.stringMatching(/^rcv_[0-9a-f]{32}$/),
      url: URL,
      format: 'SET',
      state: 'ACTIVE',
      failingSince: null,
      lastAcknowledgedAt: null,
      lastError: null,
      createdAt: expect.any(String),
    });
    expect(await list()).toEqual([body]);
  });

  it('shows the secret of a Standard Webhooks receiver once, and stores it encrypted', async () => {
    const { body } = await send('POST', '', { url: URL, format: 'STANDARD_WEBHOOK' });
    const { secret, ...shown } = body;
    expect(secret).toMatch(/^whsec_/);
    expect(await list()).toEqual([shown]);
    const stored = await mir.ctx.store.webhooks.receiversOf(tenantOf(partner.partnerId, 'live'));
    expect(JSON.stringify(stored)).not.toContain(String(secret).slice('whsec_'.length));
  });

  it('keeps receivers and webhook endpoints apart', async () => {
    const { receiverId } = (await send('POST', '', { url: URL, format: 'STANDARD_WEBHOOK' })).body;
    const endpoint = await mir.client.post('/v1/webhooks', partner.liveKey, { url: URL });
    const get = (path: string) => mir.client.get(`/v1/webhooks${path}`, partner.liveKey);
    expect((await get('')).body.data).toMatchObject([{ webhookId: endpoint.body.webhookId }]);
    expectProblem(await get(`/${receiverId}`), 404, 'NOT_FOUND');
    expectProblem(await send('DELETE', `/${endpoint.body.webhookId}`), 404, 'NOT_FOUND');
    expect(await list()).toMatchObject([{ receiverId }]);
  });

  it('returns 409 beyond the maximum, also for concurrent requests', async () => {
    const create = () => send('POST', '', { url: URL, format: 'SET' });
    for (let n = 1; n < MAX_RECEIVERS_PER_TENANT; n += 1) expect((await create()).status).toBe(201);
    const responses = await Promise.all([create(), create(), create()]);
    expect(responses.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const response of responses) if (response.status !== 201) expectProblem(response, 409, 'CONFLICT');
    const [{ receiverId }] = (await list()) as [{ receiverId: string }];
    expect((await send('DELETE', `/${receiverId}`)).status).toBe(200);
    expect((await create()).status).toBe(201);
  });

  it('returns 422 for an unknown format, and for URLs that can never receive a push', async () => {
    expectProblem(await send('POST', '', { url: URL, format: 'JSON' }), 422, 'VALIDATION_FAILED');
    expectProblem(await send('POST', '', { url: URL }), 422, 'VALIDATION_FAILED');
    const local = { url: 'https://127.0.0.1/', format: 'SET' };
    expectProblem(await send('POST', '', local), 422, 'WEBHOOK_URL_NOT_ALLOWED');
    expect(await list()).toEqual([]);
  });

  it('deletes a receiver of its own tenant only', async () => {
    const { receiverId } = (await send('POST', '', { url: URL, format: 'SET' })).body;
    const other = await mir.partner();
    for (const key of [other.liveKey, partner.testKey]) {
      expectProblem(await send('DELETE', `/${receiverId}`, undefined, key), 404, 'NOT_FOUND');
    }
    expect(await send('DELETE', `/${receiverId}`)).toMatchObject({ status: 200, body: { deleted: true } });
    expectProblem(await send('DELETE', `/${receiverId}`), 404, 'NOT_FOUND');
    const { data } = (await mir.client.get(`/v1/audit?target=${receiverId}`, partner.liveKey)).body;
    const after = { host: 'harbour.example', format: 'SET' };
    expect(data).toMatchObject([
      { action: 'receiver.removed', after },
      { action: 'receiver.created', after },
    ]);
  });

  it('requires a partner key that manages all agents', async () => {
    const agent = await register(mir.client, partner.liveKey);
    const { receiverId } = (await send('POST', '', { url: URL, format: 'SET' })).body;
    const newKey = async (scope: string): Promise<string> =>
      (await mir.client.post('/v1/keys', partner.liveKey, { name: 'Any', scopes: [scope] })).body.apiKey;
    const calls: [string, string, unknown?][] = [
      ['POST', '', { url: URL, format: 'SET' }],
      ['GET', ''],
      ['DELETE', `/${receiverId}`],
    ];
    const webhooks = await newKey('webhooks:manage');
    for (const [method, path, body] of calls) {
      expectProblem(await send(method, path, body, agent.key), 403, 'HUMAN_REQUIRED');
      expectProblem(await send(method, path, body, webhooks), 403, 'SCOPE_MISSING');
    }
    const agents = await newKey('agents:manage-all');
    for (const [method, path, body] of calls) expect((await send(method, path, body, agents)).status).toBeLessThan(300);
  });

  it('creates none after a downgrade, but still lists and deletes them', async () => {
    const { receiverId } = (await send('POST', '', { url: URL, format: 'SET' })).body;
    await asAdmin(mir.client, 'PATCH', `/partners/${partner.partnerId}`, { plan: 'STANDARD' });
    expectProblem(await send('POST', '', { url: URL, format: 'SET' }), 403, 'ENTERPRISE_REQUIRED');
    expect(await list()).toHaveLength(1);
    expect((await send('DELETE', `/${receiverId}`)).status).toBe(200);
  });
});
