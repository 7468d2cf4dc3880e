import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { describeInBrowser, faultsOf, openTab, press, shoot } from '../../support/chromium';
import type { Harness, TestPartner } from '../../support/harness';
import { anAgent } from '../../support/grow-tree';
import { insertAgent, type TestAgent } from '../../support/insert-agent';
import { PASSWORD, sharedHarnessForPeople } from '../../support/people';
import { insertMember } from '../../support/staff';

const CHILDREN = 60;
const AN_HOUR_MS = 3_600_000;
/** Maximum number of Tab presses to reach a control. */
const MAX_TABS = 60;

let h: Harness;

describeInBrowser('the agents of a partner in a browser', () => {
  beforeAll(async () => {
    h = await sharedHarnessForPeople();
  });
  afterAll(() => h.close());

  const heading = (page: Page) => page.$eval('h1', ({ textContent }) => textContent);
  const focusedText = (page: Page): Promise<string> =>
    page.evaluate(() => document.activeElement?.textContent?.replaceAll(/\s+/g, ' ').trim() ?? '');
  const expectNoFaults = async (page: Page, name: string): Promise<void> =>
    expect(await faultsOf(page, name)).toEqual([]);

  /** Presses Tab until a control with the text, or the field with the name, has the focus. */
  async function tabTo(page: Page, wanted: { text: string } | { field: string }): Promise<void> {
    for (let n = 0; n < MAX_TABS; n += 1) {
      await page.keyboard.press('Tab');
      const isThere = await page.evaluate((one) => {
        const focused = document.activeElement;
        return 'field' in one ? focused?.id === one.field : focused?.textContent?.trim().startsWith(one.text) === true;
      }, wanted);
      if (isThere) return;
    }
    throw new Error(`${JSON.stringify(wanted)} cannot be reached with the keyboard on ${page.url()}`);
  }

  async function enter(page: Page): Promise<void> {
    await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  }

  async function tree(children: number): Promise<{ partner: TestPartner; email: string; root: TestAgent }> {
    const partner = await h.partner({ name: 'Harbour Market' });
    const { email } = await insertMember(h, partner.partnerId, 'AGENT_MANAGER');
    const { store } = h.ctx;
    const owner = { name: 'Ada Lindqvist', email: 'ada@harbour.example' };
    const expiresAt = new Date(Date.now() + 30 * 24 * AN_HOUR_MS);
    const root = await insertAgent(store, partner, { name: 'Orders bot', owner, expiresAt, childCount: children });
    const idle = { name: 'Refund assistant', status: 'SUSPENDED', lastActivityAt: new Date(), childCount: 1 } as const;
    const child = await insertAgent(store, partner, idle, root);
    await insertAgent(store, partner, { name: 'Receipt reader', owner }, child);
    // Older than the first child, which is therefore at the top.
    const others = Array.from({ length: children - 1 }, (_, n) => {
      const createdAt = new Date(Date.now() - (n + 1) * AN_HOUR_MS);
      return anAgent(root.tenant, root.doc, { name: `Order checker ${n + 1}`, createdAt, owner }).doc;
    });
    await store.agents.model.insertMany(others);
    await insertAgent(store, partner, { name: 'Catalog sync', createdAt: new Date(Date.now() - AN_HOUR_MS) });
    return { partner, email, root };
  }

  async function logIn(page: Page, email: string): Promise<void> {
    await page.goto(`${h.url}/portal/login`);
    await page.type('#email', email);
    await page.type('#password', PASSWORD);
    await press(page, 'Log in');
  }

  it('opens levels of the tree in place with the keyboard, and keeps the focus', async () => {
    const { partner, email } = await tree(CHILDREN);
    const page = await openTab({ ip: '10.2.0.20' });
    const refused: string[] = [];
    page.on('console', (message) => message.type() === 'error' && refused.push(message.text()));
    await logIn(page, email);
    const base = `${h.url}/portal/${partner.partnerId}/live/agents`;
    await page.goto(base);
    await shoot(page, 'portal-agents');
    const isExpanded = (): Promise<boolean | undefined> =>
      page.evaluate(() => (document.activeElement?.parentElement as HTMLDetailsElement | null)?.open);
    await tabTo(page, { text: 'Agents below Orders bot' });
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelectorAll('.tree .name').length > 50);
    expect([await isExpanded(), await focusedText(page)]).toEqual([true, 'Agents below Orders bot']);
    await tabTo(page, { text: 'Agents below Refund assistant' });
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.body.textContent?.includes('Receipt reader'));
    await expectNoFaults(page, 'portal-agents-open');
    await page.focus('.tree > ul > li > details > ul > .more a');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement?.textContent?.startsWith('Order checker 50'));
    const loaded = await page.$$eval('.tree .name', ({ length }) => length);
    expect(loaded).toBe(CHILDREN + 3);
    expect(page.url()).toBe(base);
    // Such as the Content-Security-Policy would report.
    expect(refused).toEqual([]);

    await page.goto(`${base}?status=SUSPENDED`);
    await expectNoFaults(page, 'portal-agents-by-status');
    await page.type('#text', 'Refund');
    await press(page, 'Find');
    await expectNoFaults(page, 'portal-agents-found');
    await page.browserContext().close();
  });

  it.each([
    ['with scripts', true, '10.2.0.21'],
    ['without scripts', false, '10.2.0.22'],
  ])('kills an agent on a phone with the keyboard alone, %s', async (_, scripts, ip) => {
    const { partner, email } = await tree(2);
    const page = await openTab({ scripts, ip });
    await logIn(page, email);
    await page.goto(`${h.url}/portal/${partner.partnerId}/live/agents`);
    await tabTo(page, { text: 'Orders bot' });
    await enter(page);
    await tabTo(page, { text: 'Stop…' });
    await enter(page);
    await tabTo(page, { field: 'reason' });
    await page.keyboard.type('Refunds without an order');
    await page.keyboard.press('Tab');
    await page.keyboard.type('Orders bot');
    await page.keyboard.press('Tab');
    expect(await focusedText(page)).toBe('Revoke 4 agents');
    await enter(page);
    expect(await heading(page)).toBe('Orders bot is stopped');
    await page.waitForFunction(() => document.body.textContent?.includes('All keys deleted'));
    if (scripts) {
      await page.emulateMediaType('print');
      const shown = await page.$$eval('.side, .skip, .segments, .foot', (parts) =>
        parts.filter((part) => part.checkVisibility()).map(({ className }) => className),
      );
      expect(shown).toEqual([]);
      const folder = process.env['SHOTS_DIR'];
      if (folder) await page.screenshot({ path: join(folder, 'portal-kill-report-printed.png'), fullPage: true });
      await page.emulateMediaType('screen');
    }
    await page.browserContext().close();
  });
});
