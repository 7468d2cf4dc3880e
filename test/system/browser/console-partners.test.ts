import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { staffCookie } from '../../../api/accounts/staff-cookie';
import { tenantOf } from '../../../shared/domain/ids';
import { NO_EVENT_USAGE } from '../../../shared/domain/usage';
import { STORE_TIMEOUT_MS } from '../../../shared/store/connect';
import { OPERATORS } from '../../../shared/store/members';
import { describeInBrowser, faultsOf, openTab, press } from '../../support/chromium';
import type { Harness, TestPartner } from '../../support/harness';
import { insertAgent } from '../../support/insert-agent';
import { PASSWORD, sharedHarnessForPeople } from '../../support/people';
import { insertMember } from '../../support/staff';
import { waitUntil } from '../../support/wait-until';

const DAY_MS = 86_400_000;
const DAYS = 40;

let h: Harness;

/** Stores usage of the last weeks. */
async function insertUsage({ partnerId }: TestPartner): Promise<void> {
  const { store } = h.ctx;
  const changes = Array.from({ length: DAYS }, (_, day) => ({
    tenant: tenantOf(partnerId, 'live'),
    at: new Date(Date.now() - day * DAY_MS),
    events: { ...NO_EVENT_USAGE, persisted: 12_000 + ((day * 7_919) % 9_000) },
  }));
  await store.transaction((session) => store.usage.addEvents(changes, 0, session), STORE_TIMEOUT_MS);
}

describeInBrowser('the pages for operators about partners in a browser without scripts', () => {
  beforeAll(async () => {
    h = await sharedHarnessForPeople();
  });
  afterAll(() => h.close());

  const heading = (page: Page) => page.$eval('h1', ({ textContent }) => textContent);
  const expectNoFaults = async (page: Page, name: string): Promise<void> =>
    expect(await faultsOf(page, name)).toEqual([]);

  /** Opens a page in a browser in which an operator is logged in. */
  async function openConsole(path: string, ip: string, operator?: { staffId: string }): Promise<Page> {
    const page = await openTab({ scripts: false, ip });
    const { staffId } = operator ?? (await insertMember(h, OPERATORS, 'ADMIN'));
    const cookie = staffCookie(h.ctx, await h.ctx.staffAuth.startSession(staffId, undefined));
    const [name, value] = cookie.split(';')[0]!.split('=') as [string, string];
    await page.browserContext().setCookie({ name, value, domain: 'localhost', path: '/' });
    await page.goto(h.url + path);
    return page;
  }

  it('keep what was typed into a form while the log-in is confirmed', async () => {
    const name = `Harbour Market ${randomUUID().slice(0, 8)}`;
    const { partnerId } = await h.partner({ name });
    const operator = await insertMember(h, OPERATORS, 'ON_CALL');
    const page = await openConsole(`/console/partners/${partnerId}/suspend`, '10.5.0.4', operator);
    await page.type('#reason', 'Refunds without an order');
    await page.type('#name', name);
    const confirmedAt = new Date(Date.now() - DAY_MS);
    await h.ctx.store.staffSessions.model.updateMany({ userId: operator.staffId }, { confirmedAt });
    await press(page, 'Suspend the partner');
    expect(await heading(page)).toBe('Confirm that it’s you');
    await expectNoFaults(page, 'console-confirm-form');
    await page.type('#password', PASSWORD);
    await press(page, 'Continue');
    expect(await page.$eval('main', ({ textContent }) => textContent)).toContain('The partner is suspended');
    expect((await h.ctx.store.partners.get(partnerId))!.suspended).toBe(true);
    await page.browserContext().close();
  });

  it('lead from a pasted key to its partner, a suspension and a revocation, accessibly', async () => {
    const name = `Harbour Market ${randomUUID().slice(0, 8)}`;
    const partner = await h.partner({ name });
    await insertUsage(partner);
    await insertMember(h, partner.partnerId, 'ADMINISTRATOR');
    const webhook = { url: 'https://harbour.example/hooks/mir' };
    await h.client.post('/v1/webhooks', partner.liveKey, webhook);
    await h.client.post('/v1/keys', partner.liveKey, { name: 'Checkout service', scopes: ['events:write'] });

    const page = await openConsole('/console/partners', '10.5.0.3');
    await expectNoFaults(page, 'console-partners');
    await press(page, 'Search');
    await expectNoFaults(page, 'console-search');
    await page.type('#text', partner.liveKey);
    await press(page, 'Find');
    await expectNoFaults(page, 'console-search-key');
    await press(page, name);
    expect(await heading(page)).toBe(name);

    await press(page, 'Change plan or limits');
    await page.$eval('#eventsPerMinute', (input) => ((input as HTMLInputElement).value = 'many'));
    await press(page, 'Save');
    await expectNoFaults(page, 'console-partner-change-errors');
    await page.$eval('#eventsPerMinute', (input) => ((input as HTMLInputElement).value = '6000'));
    await page.type('#reason', 'Agreed by phone');
    await press(page, 'Save');
    await expectNoFaults(page, 'console-partner');
    await press(page, 'Suspend…');
    await expectNoFaults(page, 'console-partner-suspend');
    await page.type('#reason', 'Floods the queue');
    await page.type('#name', name);
    await press(page, 'Suspend the partner');
    await press(page, 'Reactivate…');
    await page.type('#reason', 'Fixed');
    await press(page, 'Reactivate the partner');
    await press(page, 'Revoke…');
    await expectNoFaults(page, 'console-key-revoke');
    await press(page, 'Cancel');
    await press(page, 'Replace all…');
    await expectNoFaults(page, 'console-keys-replace');
    await page.type('#reason', 'Lost');
    await page.type('#name', name);
    await press(page, 'Replace the keys');
    await expectNoFaults(page, 'console-keys-replaced');
    await page.browserContext().close();
  });

  it('lead from a name to an agent that is stopped, and to the report, accessibly', async () => {
    const partner = await h.partner({ name: 'Harbour Market' });
    const root = await insertAgent(h.ctx.store, partner, { name: `Orders bot ${randomUUID().slice(0, 8)}` });
    for (const child of ['Refund assistant', 'Restock bot']) {
      await insertAgent(h.ctx.store, partner, { name: child }, root);
    }
    const page = await openConsole('/console/search', '10.5.0.4');
    await page.type('#text', root.doc.name.slice(0, 14));
    await press(page, 'Find');
    await expectNoFaults(page, 'console-search-agents');
    await press(page, root.doc.name);
    await expectNoFaults(page, 'console-agent');
    await press(page, 'Stop…');
    await press(page, 'Revoke 3 agents');
    await expectNoFaults(page, 'console-agent-stop-errors');
    await page.type('#reason', 'Prompt injection');
    await page.type('#name', root.doc.name);
    await press(page, 'Revoke 3 agents');
    expect(await heading(page)).toBe(`${root.doc.name} is stopped`);
    // Until then, the page reloads without scripts.
    await waitUntil('the kill is complete', async () => {
      await page.goto(page.url());
      return page.$eval('main', ({ textContent }) => textContent.includes('All keys deleted'));
    });
    await expectNoFaults(page, 'console-kill');
    await press(page, 'Kills');
    await expectNoFaults(page, 'console-kills');
    await page.browserContext().close();
  });
});
