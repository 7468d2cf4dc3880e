import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { anEvent } from '../../support/builders';
import { describeInBrowser, faultsOf, FIRST_VIEW, openTab, press, show } from '../../support/chromium';
import type { Harness, TestPartner } from '../../support/harness';
import { loggedIn, mailedLink, PASSWORD, startHarnessForPeople } from '../../support/people';

/** A day of some months ago, so that a chart has more than one bar. */
const EARLIER = new Date(Date.now() - 100 * 24 * 3600 * 1000).toISOString();

let h: Harness;
let shop: TestPartner;
let forum: TestPartner;

describeInBrowser('linking in a browser without scripts', () => {
  beforeAll(async () => {
    h = await startHarnessForPeople();
    shop = await h.partner({ name: 'Harbour Market' });
    forum = await h.partner({ name: 'Quiet Forum', website: 'https://forum.example' });
  });
  afterAll(() => h.close());

  let tabs = 0;
  const openPersonsTab = (): Promise<Page> => openTab({ scripts: false, ip: `10.2.${(tabs += 1)}.1` });
  const heading = (page: Page): Promise<string | null> => page.$eval('h1', ({ textContent }) => textContent);
  const look = async (page: Page, name: string): Promise<void> => expect(await faultsOf(page, name)).toEqual([]);
  async function logInAt(page: Page, email: string): Promise<void> {
    await page.type('#email', email);
    await page.type('#password', PASSWORD);
    await press(page, 'Log in');
  }
  const post = async (path: string, body: object, { liveKey } = shop) => {
    const answer = await h.client.post(path, liveKey, body);
    expect(answer.status).toBeLessThan(300);
    return answer.body;
  };
  const status = async (userExternalId: string, { liveKey } = shop) =>
    (await h.client.get(`/v1/partners/link/status?userExternalId=${userExternalId}`, liveKey)).body;
  const resolve = (userExternalId: string, partner = shop) => post('/v1/resolve', { userExternalId }, partner);
  async function submit(userExternalId: string, count: number, partner = shop): Promise<void> {
    const one = [anEvent({ userExternalId }), anEvent({ userExternalId, occurredAt: EARLIER })];
    await post('/v1/events', { events: Array.from({ length: count }, (_, n) => one[n % 2]!) }, partner);
    await h.drained();
  }

  it('an invite leads through sign-up and mail to the connection', async () => {
    const page = await openPersonsTab();
    const email = 'eva@example.org';
    const user = 'eva';
    await submit(user, 25);
    const { url } = await post('/v1/partners/link/invite', { userExternalId: user, accountLabel: 'eva_•••' });
    await page.goto(h.url);
    await look(page, 'home');
    await page.goto(url);
    await look(page, 'link-introduction');
    await press(page, 'Sign up');
    await page.type('#email', email);
    await press(page, 'Sign up');
    await page.goto(h.url + (await mailedLink(h, email, /Confirm/)));
    await page.type('#password', PASSWORD);
    await press(page, 'Set password');
    await logInAt(page, email);
    expect([page.url(), await heading(page)]).toEqual([url, 'Connect your Harbour Market account?']);
    await look(page, 'link-consent');
    expect(await status(user)).toMatchObject({ linked: false, pending: { kind: 'INVITE' } });
    await press(page, 'Connect');
    expect(await heading(page)).toBe('Connected to Harbour Market');
    await look(page, 'link-connected');
    expect(await status(user)).toMatchObject({ linked: true, pending: null });
    expect(await resolve(user)).toMatchObject({ linked: true, eventCount: 25, basis: { scope: 'LINKED' } });

    await submit(user, 7, forum);
    const { code } = await post('/v1/partners/link/code', { userExternalId: user }, forum);
    await page.goto(`${h.url}/link`);
    await look(page, 'link-code');
    await page.type('#code', '0000-0000');
    await press(page, 'Continue');
    await look(page, 'link-code-wrong');
    await page.$eval('#code', (input) => input.setAttribute('value', ''));
    await page.type('#code', String(code).replace('-', '').toLowerCase());
    await press(page, 'Continue');
    expect(await heading(page)).toBe('Connect your Quiet Forum account?');
    await press(page, 'Connect');
    expect(await resolve(user)).toMatchObject({ eventCount: 32, partnerCount: 2 });

    await press(page, 'Go to your account');
    await look(page, 'account');
    await press(page, 'Disconnect');
    await look(page, 'account-disconnect');
    await press(page, 'Disconnect');
    await look(page, 'account-disconnected');
    const counts = [await resolve(user), await resolve(user, forum)].map(({ eventCount }) => eventCount);
    expect(counts).toEqual([25, 7]);

    await press(page, 'Delete MIR account');
    await look(page, 'account-delete');
    await page.type('#password', PASSWORD);
    await press(page, 'Delete MIR account');
    expect(page.url()).toContain('/login?done=deleted');
    await look(page, 'account-deleted');
    expect(await status(user)).toMatchObject({ linked: false });
    await page.browserContext().close();
  });

  it('long names, labels and addresses fit a phone, and every month of every platform can be read there', async () => {
    const email = 'anastasia.konstantinopoulou-fitzgerald@students.mail.university-of-somewhere.example.org';
    await loggedIn(h, email);
    const page = await openPersonsTab();
    await page.goto(`${h.url}/login`);
    await logInAt(page, email);
    const names = ['Donaudampfschifffahrtsgesellschaftskapitänsverein', 'A', 'B', 'C', 'D', 'E'];
    for (const [n, name] of names.entries()) {
      const partner = await h.partner({ name, website: `https://${name.toLowerCase()}.example` });
      await submit('long', 2 * n + 2, partner);
      const wish = { userExternalId: 'long', accountLabel: `a${'•'.repeat(36)}z@${'x'.repeat(30)}.example` };
      await page.goto((await post('/v1/partners/link/invite', wish, partner)).url);
      if (n === 0) await look(page, 'link-consent-long');
      await press(page, 'Connect');
    }
    await page.goto(`${h.url}/account`);
    await look(page, 'account-long');
    const counted = await page.$$eval('.chart tbody td.num', (cells) =>
      cells.reduce((sum, { textContent }) => sum + Number(textContent), 0),
    );
    expect(counted).toBe(2 + 4 + 6 + 8 + 10 + 12);
    await page.browserContext().close();
  });

  it('declined, used and expired invites say so', async () => {
    const email = 'kim@example.org';
    await loggedIn(h, email);
    const page = await openPersonsTab();
    const invite = async (userExternalId: string): Promise<string> =>
      (await post('/v1/partners/link/invite', { userExternalId, expiresInSeconds: 3_600 })).url;
    const declined = await invite('kim-declined');
    await page.goto(declined);
    await press(page, 'Log in');
    await logInAt(page, email);
    expect(page.url()).toBe(declined);
    await press(page, 'Decline');
    expect(await heading(page)).toBe('Not connected');
    await look(page, 'link-declined');
    await page.goto(declined);
    expect(await heading(page)).toBe('This link was declined');
    expect(await status('kim-declined')).toEqual({ linked: false, linkedAt: null, pending: null });

    const expired = await invite('kim-expired');
    await page.goto(expired);
    const { model } = h.ctx.store.linkRequests;
    await model.updateMany({ status: 'OPEN', kind: 'INVITE' }, { $set: { expiresAt: new Date(0) } });
    await press(page, 'Connect');
    expect(await heading(page)).toBe('This link has expired');
    await look(page, 'link-expired');
    expect(await status('kim-expired')).toMatchObject({ linked: false });
    await page.browserContext().close();
  });

  it('two tabs that press at once both say connected, and an invite that was used is of no use to another', async () => {
    const email = 'lou@example.org';
    await loggedIn(h, email);
    const first = await openPersonsTab();
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
    const other = await openPersonsTab();
    await other.goto(url);
    expect(await heading(other)).toBe('This link was already used');
    await look(other, 'link-used');
    await other.browserContext().close();
  });
});
