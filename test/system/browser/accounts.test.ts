import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeInBrowser, faultsOf, openTab, press } from '../../support/chromium';
import type { Harness } from '../../support/harness';
import { mailedLink, PASSWORD, startHarnessForPeople } from '../../support/people';

let h: Harness;

describeInBrowser('accounts in a browser without scripts', () => {
  beforeAll(async () => {
    h = await startHarnessForPeople();
  });
  afterAll(() => h.close());

  it('lead from sign-up to log-out', async () => {
    const page = await openTab({ scripts: false, ip: '10.1.0.1' });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText ?? ''}`));
    const email = 'ana@example.org';
    const look = async (name: string): Promise<void> => expect(await faultsOf(page, name)).toEqual([]);
    const heading = () => page.$eval('h1', ({ textContent }) => textContent);

    await page.goto(`${h.url}/signup?next=/link`);
    await look('signup');
    await page.type('#email', 'ana');
    await press(page, 'Sign up');
    await look('signup-errors');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('alert');

    await page.$eval('#email', (input) => input.setAttribute('value', ''));
    await page.type('#email', email);
    await press(page, 'Sign up');
    expect(await heading()).toBe('Check your email');
    await look('check-mail');

    await mailedLink(h, email, /Confirm/);
    await page.goto(`${h.url}/outbox`);
    await look('outbox');
    await press(page, '/verify?token=');
    expect(await heading()).toBe('Choose your password');
    await look('verify');
    await page.type('#password', 'short');
    await press(page, 'Set password');
    await look('verify-errors');
    await page.type('#password', PASSWORD);
    await press(page, 'Set password');
    expect(await heading()).toBe('Log in');
    await look('login-confirmed');
    await page.type('#email', email);
    await page.type('#password', 'not this password');
    await press(page, 'Log in');
    await look('login-wrong');
    await page.type('#password', PASSWORD);
    await press(page, 'Log in');
    expect(new URL(page.url()).pathname).toBe('/link');

    await page.goto(`${h.url}/outbox`);
    await look('signed-in');
    await press(page, 'Log out');
    expect(page.url()).toContain('/login?done=out');
    await press(page, 'Choose a new one');
    await look('forgot');
    await page.type('#email', email);
    await press(page, 'Send link');
    await look('forgot-sent');
    await page.goto(h.url + (await mailedLink(h, email, /new password/)));
    await look('reset');
    await page.type('#password', PASSWORD);
    await press(page, 'Set password');
    expect(page.url()).toContain('/login?done=password');
    for (const path of ['/verify', '/reset']) {
      await page.goto(h.url + path);
      await look(`${path.slice(1)}-gone`);
    }
    await page.goto(`${h.url}/verify/resend`);
    await look('resend');
    await page.type('#email', email);
    await press(page, 'Send link');
    await look('resent');
    await page.goto(`${h.url}/nowhere`);
    await look('nowhere');
    expect(complaints.filter((text) => !/status of 4\d\d/.test(text))).toEqual([]);
    await page.browserContext().close();
  });
});
