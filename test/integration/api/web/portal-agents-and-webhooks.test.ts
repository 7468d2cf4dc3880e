import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import type { MemberRole } from '../../../../shared/domain/roles';
import { growTree } from '../../../support/grow-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { startHarnessForPeople } from '../../../support/people';
import { insertEndpoint } from '../../../support/records';
import { baseOf, type LoggedIn, logInMember, waitForPage } from '../../../support/portal-session';
import { waitUntil } from '../../../support/wait-until';
import { changesOf } from '../../../support/webhook-endpoints';
import { startWebhookReceiver, type WebhookReceiver } from '../../../support/webhook-receiver';

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await startHarnessForPeople({ env: { WEBHOOKS_TO_PRIVATE_ADDRESSES: 'true' } });
  partner = await mir.partner({ name: 'Harbour Market' });
});
afterAll(() => mir.close());

const loggedInAs = (role: MemberRole, of = partner): Promise<LoggedIn> => logInMember(mir, of, role);

describe('the pages about agents', () => {
  async function tree(): Promise<{ root: string; rootKey: string; child: string; childKey: string }> {
    const root = await insertAgent(mir.ctx.store, partner, { name: 'Orders orchestrator' });
    const child = await insertAgent(mir.ctx.store, partner, { name: 'Orders bot' }, root);
    return { root: root.agentId, rootKey: root.apiKey, child: child.agentId, childKey: child.apiKey };
  }

  it('find an agent by its name and show its path', async () => {
    const { root, child } = await tree();
    const { browser } = await loggedInAs('VIEWER');
    const found = await browser.submit(await browser.get(`${baseOf(partner)}/agents`), { text: 'Orders b' });
    expect(found.html).toContain(`/agents/view?agent=${child}`);
    const page = await browser.get(`${baseOf(partner)}/agents/view?agent=${child}`);
    expect(page.html).toContain(`/agents/view?agent=${root}`);
    expect(page.text).not.toContain('Stop…');
  });

  it('stop an agent and everything below it only when its name is typed, and report it', async () => {
    const { root, rootKey, childKey } = await tree();
    const { browser } = await loggedInAs('AGENT_MANAGER');
    const form = await browser.get(`${baseOf(partner)}/agents/stop?agent=${root}`);
    expect(form.text).toContain('2 agents, of which 2 active');
    const rejected = await browser.submit(form, { name: 'Orders', action: 'revoke' });
    expect(rejected.status).toBe(422);
    expect(rejected.text).toContain('Please fix 2 problems');
    expect((await mir.client.get('/v1/events', childKey)).status).toBe(200);

    const fields = { name: 'Orders orchestrator', reason: 'Refunds without an order', action: 'revoke' };
    const report = await browser.submit(rejected, fields);
    expect(report.path).toContain('/agents/report?kill=');
    for (const key of [rootKey, childKey]) expect((await mir.client.get('/v1/events', key)).status).toBe(401);
    const done = await waitForPage(browser, report.path, 'All keys deleted');
    expect(done.text).toMatch(/2 of 2.*Refunds without an order/);
    expect(done.headers.get('refresh')).toBeNull();
  });

  it('stop agents that have used up the requests budget, even if they can no longer be counted', async () => {
    const limited = await mir.partner({ limits: { eventsPerMinute: 100, requestsPerMinute: 1 } });
    const [root] = await growTree(mir.ctx.store, tenantOf(limited.partnerId, 'live'), 250);
    const { browser } = await loggedInAs('AGENT_MANAGER', limited);
    let status = 200;
    for (let n = 0; n < 10 && status !== 429; n += 1) ({ status } = await mir.client.get('/v1/events', root!.key));
    expect(status).toBe(429);
    expect((await browser.get(`${baseOf(limited)}/keys`)).status).toBe(429);
    expect((await browser.get(`${baseOf(limited)}/agents`)).html).toContain(root!.agentId);
    expect((await browser.get(`${baseOf(limited)}/agents/view?agent=${root!.agentId}`)).status).toBe(200);
    const form = await browser.get(`${baseOf(limited)}/agents/stop?agent=${root!.agentId}`);
    expect(form.text).toContain('The agents cannot be counted right now');
    const { name } = (await mir.ctx.store.agents.model.findById(root!.agentId).lean())!;
    const report = await browser.submit(form, { name, reason: 'Runaway', action: 'revoke' });
    expect(report.text).toContain(`${name} is stopped`);
    expect((await mir.client.get('/v1/events', root!.key)).status).toBe(401);
  });

  it('suspend instead, which can be undone', async () => {
    const { root, childKey } = await tree();
    const { browser } = await loggedInAs('AGENT_MANAGER');
    const form = await browser.get(`${baseOf(partner)}/agents/stop?agent=${root}`);
    const page = await browser.submit(form, { name: 'Orders orchestrator', reason: 'checking', action: 'suspend' });
    expect(page.text).toContain('Suspended');
    expect((await mir.client.get('/v1/events', childKey)).body.code).toBe('AGENT_SUSPENDED');
  });
});

describe('the pages about webhooks', () => {
  let receiver: WebhookReceiver;
  beforeAll(async () => {
    receiver = await startWebhookReceiver();
  });
  afterAll(() => receiver.close());

  it('add an endpoint, send it a test message, and show and repeat the delivery', async () => {
    const url = receiver.urlOf('/portal');
    const { browser } = await loggedInAs('DEVELOPER');
    const created = await browser.submit(await browser.get(`${baseOf(partner)}/webhooks/new`), { url });
    expect(created.root.querySelector('#secret')!.text).toMatch(/^whsec_/);
    const open = created.root.querySelector('main .actions a')!.getAttribute('href')!;
    const action = `${baseOf(partner)}/webhooks`;
    const tested = await browser.submit(await browser.get(open), {}, { action: `${action}/test` });
    expect(tested.text).toContain('A test message is on its way');
    const delivered = await waitForPage(browser, open, 'Delivered');
    await browser.submit(delivered, {}, { action: `${action}/resend` });
    await waitUntil('the message arrives twice', () => receiver.received.length >= 2);
    const deletion = await browser.get(open.replace('/view', '/delete'));
    const done = await browser.submit(deletion, {});
    expect(done.text).toContain('The endpoint is deleted');
    expect((await browser.get(open)).status).toBe(404);
  });

  it('enable an endpoint that was disabled, and send what it missed', async () => {
    const url = receiver.urlOf('/missed');
    const { body } = await mir.client.post('/v1/webhooks', partner.liveKey, { url });
    const id = body.webhookId as string;
    const patch = (enabled: boolean) =>
      mir.client.request('PATCH', `/v1/webhooks/${id}`, { key: partner.liveKey, body: { enabled } });
    const received = (): number => receiver.at('/missed').length;
    await patch(false);
    await (
      await changesOf(mir, partner)
    )();

    const { browser } = await loggedInAs('DEVELOPER');
    const base = `${baseOf(partner)}/webhooks`;
    const disabled = await browser.get(`${base}/view?webhook=${id}`);
    expect(disabled.text).toContain('This endpoint is disabled');
    const enabled = await browser.submit(disabled, {}, { action: `${base}/enable` });
    expect(enabled.text).toContain('The endpoint is enabled');
    expect(received()).toBe(0);
    const recovering = await browser.submit(enabled, { hours: '1' }, { action: `${base}/recover` });
    expect(recovering.text).toContain('MIR is sending the missed messages');
    await waitUntil('the missed message arrives', () => received() > 0);
  });

  it('show on the overview which endpoints fail, or were disabled for it', async () => {
    const shop = await mir.partner();
    const at = new Date(Date.now() - 7_200_000);
    const urlOf = (host: string): string => `https://${host}.example/hooks`;
    await insertEndpoint(mir, shop, { url: urlOf('failing'), failingSince: at });
    await insertEndpoint(mir, shop, {
      url: urlOf('ended'),
      failingSince: at,
      disabledAt: at,
      disabledReason: 'FAILING',
    });
    await insertEndpoint(mir, shop, { url: urlOf('paused'), disabledAt: at, disabledReason: 'REQUESTED' });
    const { browser } = await loggedInAs('DEVELOPER', shop);
    const { root } = await browser.get(baseOf(shop));
    const concerns = root.querySelectorAll('tbody tr').map((row) => row.structuredText.replace(/\s+/g, ' ').trim());
    expect(concerns.filter((text) => text.includes('Webhook')).toSorted()).toEqual([
      'Webhook ended.example Disabled, because it failed, 2 hours ago Open',
      'Webhook failing.example Failing since 2 hours ago Open',
    ]);
  });

  it('say what is wrong with an address', async () => {
    const { browser } = await loggedInAs('DEVELOPER');
    const page = await browser.submit(await browser.get(`${baseOf(partner)}/webhooks/new`), { url: 'nowhere' });
    expect(page.status).toBe(422);
    expect(page.text).toContain('Please fix 1 problem');
  });
});
