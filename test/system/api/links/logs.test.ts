import { afterAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../../../../deploy/local/ports';
import { type Runtime, openRuntime } from '../../../../shared/runtime';
import { readConfig } from '../../../../shared/config/config';
import { anEvent } from '../../../support/builders';
import { freshEnv, type Harness, insertPartner } from '../../../support/harness';
import { logIn, PASSWORD, signUpAndConfirm } from '../../../support/people';
import { testProcesses } from '../../../support/processes';
import { newBrowserSession } from '../../../support/browser-session';
import { waitUntil } from '../../../support/wait-until';

const start = testProcesses();
let runtime: Runtime | undefined;
afterAll(async () => {
  await runtime?.store.connection.dropDatabase();
  await runtime?.close();
});

describe('logs of the linking flow', () => {
  it('does not log users, accounts, invitations or link codes, even at trace level', async () => {
    const port = String(await freePort());
    const url = `http://localhost:${port}`;
    const env = freshEnv({ PORT: port, PUBLIC_URL: url, LOG_LEVEL: 'trace' });
    runtime = await openRuntime(readConfig({ ...env, LOG_LEVEL: 'silent' }), 'api');
    const { store } = runtime;
    const [api, worker] = [await start('api', env), await start('worker', env)];
    const partner = await insertPartner(store, { allowedReturnOrigins: ['https://harbour.example'] });
    const post = async (path: string, body: unknown) => {
      const response = await api.client.post(path, partner.liveKey, body);
      expect([200, 201, 202]).toContain(response.status);
      return response.body;
    };
    const userExternalId = 'raw-id-of-ana-4711';
    // The host does not exist, so the worker cannot deliver the message, and logs that.
    const webhook = await api.client.request('PUT', '/v1/partners/webhook', {
      key: partner.liveKey,
      body: { url: 'https://hooks.invalid/hooks-of-harbour' },
    });
    await post('/v1/events', { events: [anEvent({ userExternalId, metadata: { note: 'metadata-of-ana' } })] });

    const email = 'ana.linked@example.org';
    const ana = newBrowserSession(url);
    await signUpAndConfirm({ ctx: runtime } as unknown as Harness, ana, email);
    await logIn(ana, email);
    const invitation = await post('/v1/partners/link/invite', {
      userExternalId,
      accountLabel: 'label-of-ana',
      state: 'state-of-ana',
      returnUrl: 'https://harbour.example/return-of-ana',
    });
    const path = new URL(invitation.url).pathname;
    expect((await ana.submit(await ana.get(path), { decision: 'connect' })).status).toBe(303);
    const linkPath = (await ana.get('/account')).root.querySelector('ul.records a')!.getAttribute('href')!;
    expect((await ana.submit(await ana.get(linkPath), {})).text).toContain('The account has been disconnected');
    const { code } = await post('/v1/partners/link/code', { userExternalId });
    const consent = await ana.submit(await ana.get('/link'), { code });
    expect((await ana.submit(consent, { decision: 'connect' })).text).toContain('Connected to');
    await waitUntil('the failed delivery is logged', () => worker.stdout().includes('webhook delivery failed'));
    const { receiptId } = await post('/v1/users/erase', { userExternalId });
    await waitUntil('the user is erased', async () => (await store.erasures.byId(receiptId))?.status === 'DONE');
    const deleted = await ana.submit(await ana.get('/account/delete'), { password: PASSWORD });
    expect(deleted.text).toContain('Your MIR account has been deleted');

    await api.stop();
    await worker.stop();
    const logs = [api, worker].map((program) => program.stdout() + program.stderr()).join('\n');
    expect(logs).toContain('api started');
    const token = path.slice('/link/'.length);
    const linkId = linkPath.split('/').at(-1)!;
    const ofAna = [userExternalId, 'of-ana', email, PASSWORD, token, code, code.replace('-', ''), linkId];
    const secrets: string[] = [...ofAna, 'of-harbour', partner.liveKey, webhook.body.secret];
    for (const secret of secrets) expect(logs).not.toContain(secret);
  }, 90_000);
});
