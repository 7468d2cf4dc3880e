import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { describeInBrowser, faultsOf, FIRST_VIEW, openTab, press } from '../../support/chromium';
import type { Harness } from '../../support/harness';
import { PASSWORD, sharedHarnessForPeople } from '../../support/people';
import { insertMember } from '../../support/staff';
import { anEvent } from '../../support/builders';
import { insertAgent } from '../../support/insert-agent';
import { waitUntil } from '../../support/wait-until';

let h: Harness;

describeInBrowser('the portal of a partner in a browser', () => {
  beforeAll(async () => {
    h = await sharedHarnessForPeople();
  });
  afterAll(() => h.close());

  const heading = (page: Page) => page.$eval('h1', ({ textContent }) => textContent);
  const expectNoFaults = async (page: Page, name: string): Promise<void> =>
    expect(await faultsOf(page, name)).toEqual([]);

  it('leads from the first key to the first event, without scripts', async () => {
    const { partnerId } = await h.partner({ name: 'Harbour Market' });
    const { email } = await insertMember(h, partnerId, 'ADMINISTRATOR');
    const page = await openTab({ scripts: false, ip: '10.2.0.9' });
    await page.goto(`${h.url}/portal/login`);
    await page.type('#email', email);
    await page.type('#password', PASSWORD);
    await press(page, 'Log in');
    await press(page, 'Open');
    expect(await heading(page)).toBe('Overview');
    await press(page, 'Test');
    await expectNoFaults(page, 'portal-overview-empty');
    await press(page, 'Live');
    await press(page, 'API keys');
    await press(page, 'Create an API key');
    await expectNoFaults(page, 'portal-new-key');
    await press(page, 'Create the key');
    await expectNoFaults(page, 'portal-new-key-errors');
    await page.type('#name', 'Checkout service');
    await press(page, 'Create the key');
    await expectNoFaults(page, 'portal-created-key');
    const key = await page.$eval('#api-key', ({ textContent }) => textContent);

    await press(page, 'Send a first event');
    await expectNoFaults(page, 'portal-first-event');
    await press(page, 'Send the event');
    await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'The event is stored');
    await expectNoFaults(page, 'portal-event-stored');

    await h.client.post('/v1/events', key, { events: [anEvent(), { ...anEvent(), eventType: 'mir.nonsense' }] });
    await waitUntil('the rejection is recorded', async () => {
      await page.goto(`${h.url}/portal/${partnerId}/live/rejections`);
      return (await page.$('main table')) !== null;
    });
    await expectNoFaults(page, 'portal-rejections');
    await page.browserContext().close();
  });

  it('shows what became of a submission, and rotates a key and erases a user, without scripts', async () => {
    const partner = await h.partner({ name: 'Harbour Market' });
    const { email } = await insertMember(h, partner.partnerId, 'ADMINISTRATOR');
    const post = async (events: unknown[], requestId: string) =>
      h.client.post('/v1/events', partner.liveKey, { events }, { 'x-request-id': requestId });
    const event = anEvent({ userExternalId: 'user-7', idempotencyKey: 'order-1' });
    await post([event], 'import-1');
    const mixed = await post([event, anEvent({ userExternalId: 'user-7' }), { ...event, weight: 99 }], 'import-2');
    const page = await openTab({ scripts: false, ip: '10.2.0.11' });
    await page.goto(`${h.url}/portal/login`);
    await page.type('#email', email);
    await page.type('#password', PASSWORD);
    await press(page, 'Log in');
    const base = `${h.url}/portal/${partner.partnerId}/live`;
    const open = async (path: string, name: string): Promise<void> => {
      await page.goto(base + path);
      await expectNoFaults(page, name);
    };
    const receipt = `/receipts/view?receipt=${mixed.body.receiptId}`;
    await waitUntil('the batch and its rejection are recorded', async () => {
      await page.goto(base + receipt);
      const text = await page.$eval('main', ({ textContent }) => textContent);
      return /Repeated.*Rejected at the same moment/s.test(text);
    });
    await expectNoFaults(page, 'portal-receipt');
    await open('/receipts', 'portal-receipts');
    await open('/receipts/view?receipt=rcpt_test_1', 'portal-no-receipt');
    await open('/requests?request=import-2', 'portal-request');

    await page.goto(`${base}/keys`);
    await press(page, 'Name');
    await press(page, 'Name');
    expect(await page.$eval('[aria-sort]', (cell) => cell.getAttribute('aria-sort'))).toBe('descending');
    await expectNoFaults(page, 'portal-keys-sorted');
    await page.click('main tbody th a');
    await page.waitForSelector('dl.facts');
    await expectNoFaults(page, 'portal-key');
    await press(page, 'Rotate…');
    await expectNoFaults(page, 'portal-rotate-key');
    await press(page, 'Rotate the key');

    await page.goto(`${base}/users`);
    await page.type('#userExternalId', 'user-7');
    await press(page, 'Find');
    await expectNoFaults(page, 'portal-user');
    await press(page, 'Connect…');
    await expectNoFaults(page, 'portal-connect');
    await press(page, 'Create an invitation');
    await press(page, 'Back to the user');
    await press(page, 'Erase…');
    await expectNoFaults(page, 'portal-erase');
    await page.type('#confirmation', 'user-7');
    await press(page, 'Erase the user');
    await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'The user is erased');
    await expectNoFaults(page, 'portal-erasure');
    await page.browserContext().close();
  });

  it('stops an agent on a phone with three taps and a typed confirmation, without scripts', async () => {
    const partner = await h.partner({ name: 'Harbour Market' });
    const { email } = await insertMember(h, partner.partnerId, 'AGENT_MANAGER');
    const root = await insertAgent(h.ctx.store, partner, { name: 'Orders bot' });
    await insertAgent(h.ctx.store, partner, { name: 'Refund assistant' }, root);
    const page = await openTab({ scripts: false, ip: '10.2.0.10' });
    await page.goto(`${h.url}/portal/login`);
    await page.type('#email', email);
    await page.type('#password', PASSWORD);
    await press(page, 'Log in');
    await page.goto(`${h.url}/portal/${partner.partnerId}/live/agents`);
    await expectNoFaults(page, 'portal-agents');
    await press(page, 'Orders bot');
    await expectNoFaults(page, 'portal-agent');
    await press(page, 'Stop…');
    await expectNoFaults(page, 'portal-stop-agent');
    await page.type('#reason', 'Refunds without an order');
    await page.type('#name', 'Orders bot');
    await press(page, 'Revoke 2 agents');
    expect(await heading(page)).toBe('Orders bot is stopped');
    await page.waitForFunction(() => document.body.textContent?.includes('All keys deleted'));
    await expectNoFaults(page, 'portal-kill-report');
    await page.browserContext().close();
  });

  it('follows a kill without loading the report again', async () => {
    const partner = await h.partner();
    const { email } = await insertMember(h, partner.partnerId, 'AGENT_MANAGER');
    const { agentId } = await insertAgent(h.ctx.store, partner, { name: 'Orders bot' });
    const { body } = await h.client.post(`/v1/agents/${agentId}/revoke-descendants`, partner.liveKey, {
      reason: 'Any',
    });
    const { cascades } = h.ctx.store;
    await waitUntil('the kill is closed', async () => {
      const cascade = await cascades.model.findById(body.cascadeId).lean();
      return cascade?.status === 'CLOSED';
    });
    const restore = async (status: string): Promise<unknown> =>
      cascades.model.updateOne({ _id: body.cascadeId }, { $set: { status } });
    await restore('RUNNING');
    const page = await openTab({ ip: '10.2.0.11' });
    const refused: string[] = [];
    page.on('console', (message) => message.type() === 'error' && refused.push(message.text()));
    await page.goto(`${h.url}/portal/login`);
    await page.type('#email', email);
    await page.type('#password', PASSWORD);
    await press(page, 'Log in');
    await page.goto(`${h.url}/portal/${partner.partnerId}/live/agents/report?kill=${body.cascadeId}`);
    // The navigation is a bar that scrolls, and this entry is not among the first.
    const entry = await page.$eval('.side [aria-current]', (link) => link.getBoundingClientRect().toJSON());
    expect([entry.left >= 0, entry.right <= FIRST_VIEW.width]).toEqual([true, true]);
    const marked = await page.$eval('h1', (title) => (title.id = 'same-page'));
    expect(await page.$eval('main', ({ textContent }) => textContent)).toContain('Keys rejected, being deleted');
    await restore('CLOSED');
    await page.waitForFunction(() => document.body.textContent?.includes('All keys deleted'));
    expect(await page.$eval('h1', ({ id }) => id)).toBe(marked);
    // Such as the Content-Security-Policy would report.
    expect(refused).toEqual([]);
    await page.browserContext().close();
  });
});
