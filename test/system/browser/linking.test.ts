import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { anEvent } from '../../support/builders';
import { describeInBrowser, faultsOf, FIRST_VIEW, openTab, press, show } from '../../support/chromium';
import type { Harness, TestPartner } from '../../support/harness';
import { loggedIn, mailedLink, PASSWORD, sharedHarnessForPeople } from '../../support/people';

/** A time about three months ago, so that charts have more than one bar. */
const EARLIER = new Date(Date.now() - 100 * 24 * 3600 * 1000).toISOString();

let h: Harness;
let shop: TestPartner;
let forum: TestPartner;

describeInBrowser('linking in a browser without scripts', () => {
  beforeAll(async () => {
    h = await sharedHarnessForPeople();
    shop = await h.partner({ name: 'Harbour Market' });
    forum = await h.partner({ name: 'Quiet Forum', website: 'https://forum.example' });
  });
  afterAll(() => h.close());

  let tabs = 0;
  const openNewPersonTab = (): Promise<Page> => openTab({ scripts: false, ip: `10.2.${(tabs += 1)}.1` });
  const heading = (page: Page): Promise<string | null> => page.$eval('h1', ({ textContent }) => textContent);
  const expectNoFaults = async (page: Page, name: string): Promise<void> =>
    expect(await faultsOf(page, name)).toEqual([]);
  async function logInAt(page: Page, email: string): Promise<void> {
    await page.type('#email', email);
    await page.type('#password', PASSWORD);
    await press(page, 'Log in');
  }
  const post = async (path: string, body: object, { liveKey } = shop) => {
    const response = await h.client.post(path, liveKey, body);
    expect(response.status).toBeLessThan(300);
    return response.body;
  };
  const status = async (userExternalId: string, { liveKey } = shop) =>
    (await h.client.get(`/v1/partners/link/status?userExternalId=${userExternalId}`, liveKey)).body;
  const resolve = (userExternalId: string, partner = shop) => post('/v1/resolve', { userExternalId }, partner);
  async function submit(userExternalId: string, count: number, partner = shop): Promise<void> {
    const pair = [anEvent({ userExternalId }), anEvent({ userExternalId, occurredAt: EARLIER })];
    await post('/v1/events', { events: Array.from({ length: count }, (_, n) => pair[n % 2]!) }, partner);
    await h.drained();
  }

  it('leads an invited person through sign-up and email confirmation to a connected account', async () => {
    const page = await openNewPersonTab();
    const email = 'eva@example.org';
    const user = 'eva';
    await submit(user, 25);
    const { url } = await post('/v1/partners/link/invite', { userExternalId: user, accountLabel: 'eva_•••' });
    await page.goto(h.url);
    await expectNoFaults(page, 'home');
    await page.goto(url);
    await expectNoFaults(page, 'link-introduction');
    await press(page, 'Sign up');
    await page.type('#email', email);
    await press(page, 'Sign up');
    await page.goto(h.url + (await mailedLink(h, email, /Confirm/)));
    await page.type('#password', PASSWORD);
    await press(page, 'Set password');
    await logInAt(page, email);
    expect([page.url(), await heading(page)]).toEqual([url, 'Connect your Harbour Market account?']);
    await expectNoFaults(page, 'link-consent');
    expect(await status(user)).toMatchObject({ linked: false, pending: { kind: 'INVITE' } });
    await press(page, 'Connect');
    expect(await heading(page)).toBe('Connected to Harbour Market');
    await expectNoFaults(page, 'link-connected');
    expect(await status(user)).toMatchObject({ linked: true, pending: null });
    expect(await resolve(user)).toMatchObject({ linked: true, eventCount: 25, basis: { scope: 'LINKED' } });

    await submit(user, 7, forum);
    const { code } = await post('/v1/partners/link/code', { userExternalId: user }, forum);
    await page.goto(`${h.url}/link`);
    await expectNoFaults(page, 'link-code');
    await page.type('#code', '0000-0000');
    await press(page, 'Continue');
    await expectNoFaults(page, 'link-code-wrong');
    await page.$eval('#code', (input) => input.setAttribute('value', ''));
    await page.type('#code', String(code).replace('-', '').toLowerCase());
    await press(page, 'Continue');
    expect(await heading(page)).toBe('Connect your Quiet Forum account?');
    await press(page, 'Connect');
    expect(await resolve(user)).toMatchObject({ eventCount: 32, partnerCount: 2 });

    await press(page, 'Go to your account');
    await expectNoFaults(page, 'account');
    await press(page, 'Disconnect');
    await expectNoFaults(page, 'account-disconnect');
    await press(page, 'Disconnect');
    await expectNoFaults(page, 'account-disconnected');
    const counts = [await resolve(user), await resolve(user, forum)].map(({ eventCount }) => eventCount);
    expect(counts).toEqual([25, 7]);

    await press(page, 'Delete MIR account');
    await expectNoFaults(page, 'account-delete');
    await page.type('#password', PASSWORD);
    await press(page, 'Delete MIR account');
    expect(page.url()).toContain('/login?done=deleted');
    await expectNoFaults(page, 'account-deleted');
    expect(await status(user)).toMatchObject({ linked: false });
    await page.browserContext().close();
  });

  it('fits long names, labels and addresses on a phone screen, and lists the events of every platform', async () => {
    const email = 'anastasia.konstantinopoulou-fitzgerald@students.mail.university-of-somewhere.example.org';
    await loggedIn(h, email);
    const page = await openNewPersonTab();
    await page.goto(`${h.url}/login`);
    await logInAt(page, email);
    const names = ['Donaudampfschifffahrtsgesellschaftskapitänsverein', 'A', 'B', 'C', 'D', 'E'];
    for (const [n, name] of names.entries()) {
      const partner = await h.partner({ name, website: `https://${name.toLowerCase()}.example` });
      await submit('long', 2 * n + 2, partner);
      const invitation = { userExternalId: 'long', accountLabel: `a${'•'.repeat(36)}z@${'x'.repeat(30)}.example` };
      await page.goto((await post('/v1/partners/link/invite', invitation, partner)).url);
      if (n === 0) await expectNoFaults(page, 'link-consent-long');
      await press(page, 'Connect');
    }
    await page.goto(`${h.url}/account`);
    await expectNoFaults(page, 'account-long');
    const counted = await page.$$eval('.chart tbody td.num', (cells) =>
      cells.reduce((sum, { textContent }) => sum + Number(textContent), 0),
    );
    expect(counted).toBe(2 + 4 + 6 + 8 + 10 + 12);
    await page.browserContext().close();
  });

  it('shows that an invitation was declined or has expired', async () => {
    const email = 'kim@example.org';
    await loggedIn(h, email);
    const page = await openNewPersonTab();
    const invite = async (userExternalId: string): Promise<string> =>
      (await post('/v1/partners/link/invite', { userExternalId, expiresInSeconds: 3_600 })).url;
    const declined = await invite('kim-declined');
    await page.goto(declined);
    await press(page, 'Log in');
    await logInAt(page, email);
    expect(page.url()).toBe(declined);
    await press(page, 'Decline');
    expect(await heading(page)).toBe('Not connected');
    await expectNoFaults(page, 'link-declined');
    await page.goto(declined);
    expect(await heading(page)).toBe('This link was declined');
    expect(await status('kim-declined')).toEqual({ linked: false, linkedAt: null, pending: null });

    const expired = await invite('kim-expired');
    await page.goto(expired);
    const { model } = h.ctx.store.linkRequests;
    await model.updateMany({ status: 'OPEN', kind: 'INVITE' }, { $set: { expiresAt: new Date(0) } });
    await press(page, 'Connect');
    expect(await heading(page)).toBe('This link has expired');
    await expectNoFaults(page, 'link-expired');
    expect(await status('kim-expired')).toMatchObject({ linked: false });
    await page.browserContext().close();
  });

  it('shows success in two tabs that confirm at the same time, and rejects a used invitation', async () => {
    const email = 'lou@example.org';
    await loggedIn(h, email);
    const first = await openNewPersonTab();
    const { url } = await post('/v1/partners/link/invite', { userExternalId: 'lou' });
    await first.goto(url);
    await press(first, 'Log in');
    await logInAt(first, email);
    const second = await first.browserContext().newPage();
    await second.setJavaScriptEnabled(false);
    await show(second, FIRST_VIEW);
    await second.goto(url);
    await Promise.all([press(first, 'Connect'), press(second, 'Connect')]);
    expect([await heading(first), await heading(second)]).toEqual([
      'Connected to Harbour Market',
      'Connected to Harbour Market',
    ]);
    await first.browserContext().close();

    await loggedIn(h, 'mo@example.org');
    const otherPersonTab = await openNewPersonTab();
    await otherPersonTab.goto(url);
    expect(await heading(otherPersonTab)).toBe('This link was already used');
    await expectNoFaults(otherPersonTab, 'link-used');
    await otherPersonTab.browserContext().close();
  });
});
