import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { applicantSecret, submittedApplication } from '../../support/applications';
import { describeInBrowser, faultsOf, openTab, press } from '../../support/chromium';
import type { Harness } from '../../support/harness';
import { asAdmin } from '../../support/partners';
import { sharedHarnessForPeople } from '../../support/people';

let h: Harness;

describeInBrowser('the page for applicants in a browser without scripts', () => {
  beforeAll(async () => {
    h = await sharedHarnessForPeople();
  });
  afterAll(() => h.close());

  it('confirms the address and shows the status, accessibly', async () => {
    const page = await openTab({ scripts: false, ip: '10.4.0.1' });
    const heading = () => page.$eval('h1', ({ textContent }) => textContent);
    const { applicationId } = await submittedApplication(h);
    const link = `${h.url}/partners/applications/confirm?token=${await applicantSecret(h, applicationId)}`;
    await page.goto(link);
    expect(await heading()).toBe('Confirm your email address');
    expect(await faultsOf(page, 'application-confirm')).toEqual([]);
    await press(page, 'Confirm address');
    expect(await heading()).toBe('Your application');
    expect(await faultsOf(page, 'application-pending')).toEqual([]);

    const reason = `The website is empty, and ${'x'.repeat(200)}`;
    await asAdmin(h.client, 'POST', `/applications/${applicationId}/reject`, { reason });
    await page.goto(link);
    expect(await page.$eval('main', ({ textContent }) => textContent)).toContain(reason);
    expect(await faultsOf(page, 'application-rejected')).toEqual([]);

    await page.goto(`${link}x`);
    expect(await heading()).toBe('This link no longer works');
    expect(await faultsOf(page, 'application-expired')).toEqual([]);
  });
});
