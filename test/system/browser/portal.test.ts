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
    expect(await heading(page)).toBe('Bea Ruiz');
    const { staffId } = (await h.ctx.store.members.model.findOne({ organization: partnerId }).lean())!;
    await h.ctx.staffAuth.startSession(
      staffId,
      'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
    );
    await page.reload();
    await expectNoFaults(page, 'portal');
    await press(page, 'Log out there');
    expect(await page.$$('[aria-label="Your sessions"] li')).toHaveLength(1);
    await press(page, 'Log out');
    expect(page.url()).toContain('/portal/login?done=out');
    for (const path of ['forgot', 'reset', 'invitation']) {
      await page.goto(`${h.url}/portal/${path}`);
      await expectNoFaults(page, `portal-${path}-empty`);
    }
    await page.browserContext().close();
  });

  it('creates a passkey and logs in with it on an authenticator of the browser', async () => {
    const { partnerId } = await h.partner();
    const { staffId } = await insertMember(h, partnerId);
    const { sessionToken } = await h.ctx.staffAuth.startSession(staffId, undefined);
    const page = await openTab({ ip: '10.2.0.2' });
    // Pages do not allow scripts to send requests.
    await page.setBypassCSP(true);
    const devTools = await page.createCDPSession();
    await devTools.send('WebAuthn.enable');
    await devTools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
      },
    });
    await page.goto(`${h.url}/portal/login`);
    const loggedInAs = await page.evaluate(async (token) => {
      const call = async (method: string, path: string, body?: unknown, bearer?: string) => {
        const headers = { 'content-type': 'application/json', ...(bearer && { authorization: `Bearer ${bearer}` }) };
        const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
        return (await (await fetch(`/v1/staff${path}`, init)).json()) as Record<string, never>;
      };
      const creation = await call('POST', '/passkeys/options', undefined, token);
      const created = (await navigator.credentials.create({
        publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(creation['options']!),
      })) as PublicKeyCredential;
      const passkey = { challengeId: creation['challengeId'], name: 'Laptop', response: created.toJSON() };
      await call('POST', '/passkeys', passkey, token);
      const logIn = await call('POST', '/sessions/passkey/options');
      const signed = (await navigator.credentials.get({
        publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(logIn['options']!),
      })) as PublicKeyCredential;
      const proof = { challengeId: logIn['challengeId'], response: signed.toJSON() };
      const session = await call('POST', '/sessions/passkey', proof);
      return (await call('GET', '/me', undefined, session['sessionToken']))['staffId'];
    }, sessionToken);
    expect(loggedInAs).toBe(staffId);
    await page.browserContext().close();
  });
});
