import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import {
  chromium,
  describeInBrowser,
  faultsOf,
  press,
  shoot,
  smallTargetsOf,
  show,
  type View,
  VIEWS,
} from '../../support/chromium';
import type { Harness } from '../../support/harness';
import { mailedLink, PASSWORD, startHarnessForPeople } from '../../support/people';

let h: Harness;
const browser = chromium();

describeInBrowser('accounts in a browser without scripts', () => {
  beforeAll(async () => {
    h = await startHarnessForPeople();
  });
  afterAll(() => h.close());

  /** A tab without scripts, and what its browser complained of. */
  async function openTab(view: View): Promise<{ page: Page; complaints: string[] }> {
    const context = await (await browser()).createBrowserContext();
    const page = await context.newPage();
    await page.setJavaScriptEnabled(false);
    await page.setExtraHTTPHeaders({ 'x-forwarded-for': `10.1.${VIEWS.indexOf(view)}.1` });
    await show(page, view);
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText ?? ''}`));
    return { page, complaints };
  }

  it.each(VIEWS)('lead from sign-up to log-out at $width px, $scheme', async (view) => {
    const { page, complaints } = await openTab(view);
    const email = `ana-${view.width}-${view.scheme}@example.org`;
    const look = async (name: string): Promise<void> => {
      await shoot(page, name, view);
      const faults = [...(await faultsOf(page)), ...(await smallTargetsOf(page))];
      expect({ name, faults }).toEqual({ name, faults: [] });
    };
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
    await press(page, 'Send me the link');
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
