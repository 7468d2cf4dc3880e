import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { describeInBrowser, faultsOf, openTab, press } from '../../support/chromium';
import type { Harness } from '../../support/harness';
import { insertAgent } from '../../support/insert-agent';
import { PASSWORD, sharedHarnessForPeople } from '../../support/people';
import { insertMember } from '../../support/staff';

let h: Harness;

describeInBrowser('the control of agents in the portal', () => {
  beforeAll(async () => {
    h = await sharedHarnessForPeople();
  });
  afterAll(() => h.close());

  const expectNoFaults = async (page: Page, name: string): Promise<void> =>
    expect(await faultsOf(page, name)).toEqual([]);

  it('decides on an agent, changes the policy and shows the rules in force, without scripts', async () => {
    const partner = await h.partner({ name: 'Harbour Market' });
    const { email } = await insertMember(h, partner.partnerId, 'AGENT_MANAGER');
    const approval = { fromDepth: 1, presets: ['ADMIN'] };
    const policy = { spawnEnabled: true, approval, maxIdleSeconds: { ADMIN: 3_600 } };
    await h.client.request('PUT', '/v1/agents/policy', { key: partner.liveKey, body: policy });
    const receiver = { url: 'https://gateway.harbour.example/kills', format: 'SET' };
    await h.client.post('/v1/receivers', partner.liveKey, receiver);
    const root = await insertAgent(h.ctx.store, partner, { name: 'Orders bot', preset: 'ORCHESTRATOR' });
    for (const name of ['Refund assistant', 'Stock checker']) {
      const headers = { 'Idempotency-Key': name.replace(' ', '-') };
      await h.client.post(`/v1/agents/${root.agentId}/spawn`, root.apiKey, { name }, headers);
    }
    const page = await openTab({ scripts: false, ip: '10.2.0.14' });
    await page.goto(`${h.url}/portal/login`);
    await page.type('#email', email);
    await page.type('#password', PASSWORD);
    await press(page, 'Log in');
    const base = `${h.url}/portal/${partner.partnerId}/live`;
    await page.goto(`${base}/approvals`);
    await expectNoFaults(page, 'portal-approvals');
    await press(page, 'Refund assistant');
    await expectNoFaults(page, 'portal-approval');
    await press(page, 'Approve and show the key');
    expect(await page.$('#api-key')).not.toBeNull();
    await page.goto(`${base}/policy/edit`);
    await page.$eval('#maxSpawnDepth', (field) => ((field as HTMLInputElement).value = '99'));
    await press(page, 'Save the policy');
    await expectNoFaults(page, 'portal-edit-policy-errors');
    await page.$eval('#maxSpawnDepth', (field) => ((field as HTMLInputElement).value = '3'));
    await press(page, 'Save the policy');
    await expectNoFaults(page, 'portal-policy');
    await page.goto(`${base}/audit?action=agent.spawn.requested`);
    await page.click('details.entry summary');
    await expectNoFaults(page, 'portal-audit');
    await page.goto(`${base}/receivers`);
    await press(page, 'Delete…');
    await expectNoFaults(page, 'portal-delete-receiver');
    await page.browserContext().close();
  });
});
