import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';

describe('PUT /v1/partners/webhook', () => {
  let mir: Harness;
  let partner: TestPartner;
  beforeAll(async () => {
    mir = await startHarness({ workers: false });
    partner = await mir.partner();
  });
  afterAll(() => mir.close());

  const setWebhook = (url: string) =>
    mir.client.request('PUT', '/v1/partners/webhook', { key: partner.liveKey, body: { url } });

  it.each([
    'http://harbour.example/',
    'https://a:b@harbour.example/',
    'https://harbour.example/#x',
    'https://localhost/hook',
    'https://localhost:8443/hook',
    'https://LOCALHOST/hook',
    'https://localhost./hook',
    'https://hooks.localhost/hook',
    'https://127.0.0.1/hook',
    'https://127.0.0.1./hook',
    'https://127.1/hook',
    'https://2130706433/hook',
    'https://0x7f000001/hook',
    'https://0177.0.0.1/hook',
    'https://１２７.０.０.１/hook',
    'https://0.0.0.0/hook',
    'https://10.0.0.1/hook',
    'https://172.16.0.1/hook',
    'https://192.168.0.1/hook',
    'https://100.64.0.1/hook',
    'https://169.254.169.254/latest/meta-data',
    'https://224.0.0.1/hook',
    'https://255.255.255.255/hook',
    'https://[::]/hook',
    'https://[::1]/hook',
    'https://[::7f00:1]/hook',
    'https://[::ffff:10.0.0.1]/hook',
    'https://[64:ff9b::a00:1]/hook',
    'https://[fc00::1]/hook',
    'https://[fe80::1]/hook',
  ])('rejects %s, to which messages are never sent', async (url) => {
    const { status, body } = await setWebhook(url);
    expect([status, body.code]).toEqual([422, 'WEBHOOK_URL_NOT_ALLOWED']);
    expect(body.errors).toEqual([{ path: 'url', code: 'WEBHOOK_URL_NOT_ALLOWED', message: body.detail }]);
    expect(await mir.ctx.store.webhooks.ofTenant(tenantOf(partner.partnerId, 'live'))).toEqual([]);
  });

  it.each([
    'https://harbour.example/hook',
    'https://localhost.harbour.example/hook',
    'https://1.1.1.1/hook',
    'https://[2606:4700::1111]/hook',
  ])('accepts %s', async (url) => {
    const { status, body } = await setWebhook(url);
    expect([status, body.url]).toEqual([200, url]);
    await mir.client.request('DELETE', '/v1/partners/webhook', { key: partner.liveKey });
  });
});
