import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeInBrowser, faultsOf, openTab, press } from '../../support/chromium';
import type { Harness } from '../../support/harness';
import { mailedLink, PASSWORD, sharedHarnessForPeople } from '../../support/people';

let h: Harness;

describeInBrowser('account pages in a browser without scripts', () => {
  beforeAll(async () => {
    h = await sharedHarnessForPeople();
  });
  afterAll(() => h.close());

  it('offers accessible pages for every step from sign-up to a password reset', async () => {
    const page = await openTab({ scripts: false, ip: '10.1.0.1' });
    const browserErrors: string[] = [];
    page.on('console', (message) => browserErrors.push(message.text()));
    page.on('requestfailed', (request) => browserErrors.push(`${request.url()} ${request.failure()?.errorText ?? ''}`));
    const email = 'ana@example.org';
    const expectNoFaults = async (name: string): Promise<void> => expect(await faultsOf(page, name)).toEqual([]);
    const heading = () => page.$eval('h1', ({ textContent }) => textContent);

    await page.goto(`${h.url}/signup?next=/link`);
    await expectNoFaults('signup');
    await page.type('#email', 'ana');
    await press(page, 'Sign up');
    await expectNoFaults('signup-errors');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('alert');

    await page.$eval('#email', (input) => input.setAttribute('value', ''));
    await page.type('#email', email);
    await press(page, 'Sign up');
    expect(await heading()).toBe('Check your email');
    await expectNoFaults('check-mail');

    await mailedLink(h, email, /Confirm/);
    await page.goto(`${h.url}/outbox`);
    await expectNoFaults('outbox');
    await press(page, '/verify?token=');
    expect(await heading()).toBe('Choose your password');
    await expectNoFaults('verify');
    await page.type('#password', 'short');
    await press(page, 'Set password');
    await expectNoFaults('verify-errors');
    await page.type('#password', PASSWORD);
    await press(page, 'Set password');
    expect(await heading()).toBe('Log in');
    await expectNoFaults('login-confirmed');
    await page.type('#email', email);
    await page.type('#password', 'not this password');
    await press(page, 'Log in');
    await expectNoFaults('login-wrong');
    await page.type('#password', PASSWORD);
    await press(page, 'Log in');
    expect(new URL(page.url()).pathname).toBe('/link');

    await page.goto(`${h.url}/outbox`);
    await expectNoFaults('signed-in');
    await press(page, 'Log out');
    expect(page.url()).toContain('/login?done=out');
    await press(page, 'Choose a new one');
    await expectNoFaults('forgot');
    await page.type('#email', email);
    await press(page, 'Send link');
    await expectNoFaults('forgot-sent');
    await page.goto(h.url + (await mailedLink(h, email, /new password/)));
    await expectNoFaults('reset');
    await page.type('#password', PASSWORD);
    await press(page, 'Set password');
    expect(page.url()).toContain('/login?done=password');
    for (const path of ['/verify', '/reset']) {
      await page.goto(h.url + path);
      await expectNoFaults(`${path.slice(1)}-gone`);
    }
    await page.goto(`${h.url}/verify/resend`);
    await expectNoFaults('resend');
    await page.type('#email', email);
    await press(page, 'Send link');
    await expectNoFaults('resent');
    await page.goto(`${h.url}/nowhere`);
    await expectNoFaults('nowhere');
    expect(browserErrors.filter((text) => !/status of 4\d\d/.test(text))).toEqual([]);
    await page.browserContext().close();
  });
});
