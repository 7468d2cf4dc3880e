import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { describeInBrowser, faultsOf, openTab, press } from '../../support/chromium';
import type { Harness } from '../../support/harness';
import { PASSWORD, sharedHarnessForPeople } from '../../support/people';
import { insertMember, invite } from '../../support/staff';

let h: Harness;

describeInBrowser('the portal in a browser', () => {
  beforeAll(async () => {
    h = await sharedHarnessForPeople();
  });
  afterAll(() => h.close());

  const heading = (page: Page) => page.$eval('h1', ({ textContent }) => textContent);
  const expectNoFaults = async (page: Page, name: string): Promise<void> =>
    expect(await faultsOf(page, name)).toEqual([]);

  /** Gives the browser an authenticator that holds no passkeys yet, and that confirms every request. */
  async function addAuthenticator(page: Page): Promise<void> {
    const devTools = await page.createCDPSession();
    await devTools.send('WebAuthn.enable');
    const options = { protocol: 'ctap2', transport: 'internal', automaticPresenceSimulation: true } as const;
    const user = { hasResidentKey: true, hasUserVerification: true, isUserVerified: true };
    await devTools.send('WebAuthn.addVirtualAuthenticator', { options: { ...options, ...user } });
  }

  it('offers accessible pages for every step from an invitation to a password reset, without scripts', async () => {
    const { partnerId } = await h.partner({ name: 'Harbour Market' });
    const { email, token } = await invite(h, partnerId, 'ADMINISTRATOR');
    const page = await openTab({ scripts: false, ip: '10.2.0.1' });
    await page.goto(`${h.url}/portal/invitation?token=${token}`);
    expect(await heading(page)).toBe('Join Harbour Market');
    await expectNoFaults(page, 'portal-invitation');
    await press(page, 'Accept invitation');
    await expectNoFaults(page, 'portal-invitation-errors');
    await page.type('#name', 'Bea Ruiz');
    await page.type('#password', PASSWORD);
    await press(page, 'Accept invitation');
    await expectNoFaults(page, 'portal-login');
    await page.type('#email', email);
    await page.type('#password', 'not this password');
    await press(page, 'Log in');
    await expectNoFaults(page, 'portal-login-wrong');
    await page.type('#password', PASSWORD);
    await press(page, 'Log in');
    expect(await heading(page)).toBe('Organizations');
    await expectNoFaults(page, 'portal');
    const { staffId } = (await h.ctx.store.members.model.findOne({ organization: partnerId }).lean())!;
    await h.ctx.staffAuth.startSession(
      staffId,
      'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
    );
    await press(page, 'Profile');
    await expectNoFaults(page, 'account-profile');
    await press(page, 'Sessions');
    await expectNoFaults(page, 'account-sessions');
    await press(page, 'Log out there: Firefox on Linux');
    expect(await page.$$('main tbody tr')).toHaveLength(1);
    await press(page, 'Security');
    await expectNoFaults(page, 'account-security-empty');
    await press(page, 'Add a passkey');
    expect(await page.$eval('[data-without-passkeys]', ({ textContent }) => textContent)).toContain('JavaScript');
    await expectNoFaults(page, 'account-new-passkey-without-scripts');
    await press(page, 'Back to security');
    await press(page, 'Set up a second factor');
    await expectNoFaults(page, 'account-second-factor');
    await page.type('#password', PASSWORD);
    await press(page, 'Continue');
    await expectNoFaults(page, 'account-second-factor-code');
    await press(page, 'Log out');
    expect(page.url()).toContain('/portal/login?done=out');
    for (const path of ['forgot', 'reset', 'invitation']) {
      await page.goto(`${h.url}/portal/${path}`);
      await expectNoFaults(page, `portal-${path}-empty`);
    }
    await page.browserContext().close();
  });

  it('creates a passkey and logs in with it on an authenticator of the browser', async () => {
    const { partnerId } = await h.partner({ name: 'Harbour Market' });
    const { email } = await insertMember(h, partnerId);
    const page = await openTab({ ip: '10.2.0.2' });
    const blocked: string[] = [];
    page.on('console', (message) => message.text().includes('Content Security') && blocked.push(message.text()));
    await addAuthenticator(page);
    await page.goto(`${h.url}/portal/login`);
    await expectNoFaults(page, 'portal-login-with-scripts');
    await page.type('#email', email);
    await page.type('#password', PASSWORD);
    await press(page, 'Log in');
    await page.goto(`${h.url}/portal/account/passkeys/new`);
    await expectNoFaults(page, 'account-new-passkey');
    await page.$eval('#name', (input) => ((input as HTMLInputElement).value = 'Work laptop'));
    await press(page, 'Create the passkey');
    expect(await page.$eval('main', ({ textContent }) => textContent)).toContain('Work laptop');
    await expectNoFaults(page, 'account-security');
    await press(page, 'Log out');
    await Promise.all([
      page.waitForFunction(() => location.pathname === '/portal'),
      page.goto(`${h.url}/portal/login/passkey`).catch(() => null),
    ]);
    expect(await heading(page)).toBe('Organizations');
    expect(blocked).toEqual([]);
    await page.browserContext().close();
  });

  it('says what to do when the browser has no passkey to log in with', async () => {
    const page = await openTab({ ip: '10.2.0.3' });
    await addAuthenticator(page);
    await page.goto(`${h.url}/portal/login`);
    await press(page, 'Log in with a passkey');
    await page.waitForSelector('[data-message=canceled]:not([hidden])');
    await expectNoFaults(page, 'portal-login-passkey-canceled');
    await press(page, 'Use my password');
    expect(await heading(page)).toBe('Log in to the portal');
    await page.browserContext().close();
  });
});
