import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { staffCookie } from '../../../api/accounts/staff-cookie';
import { OPERATORS } from '../../../shared/store/members';
import { confirmedApplication, submittedApplication } from '../../support/applications';
import { describeInBrowser, faultsOf, openTab, press } from '../../support/chromium';
import type { Harness } from '../../support/harness';
import { startHarnessForPeople } from '../../support/people';
import { insertMember } from '../../support/staff';

let h: Harness;

describeInBrowser('the pages for applicants and operators in a browser without scripts', () => {
  beforeAll(async () => {
    h = await startHarnessForPeople();
  });
  afterAll(() => h.close());

  const heading = (page: Page) => page.$eval('h1', ({ textContent }) => textContent);
  const expectNoFaults = async (page: Page, name: string): Promise<void> =>
    expect(await faultsOf(page, name)).toEqual([]);

  it('lead from /partners to an application and its status, accessibly', async () => {
    const page = await openTab({ scripts: false, ip: '10.5.0.1' });
    await page.goto(`${h.url}/partners`);
    await expectNoFaults(page, 'partners');
    await press(page, 'Apply');
    await expectNoFaults(page, 'partners-apply');
    await page.type('#name', 'Quay & Co');
    await press(page, 'Send application');
    await expectNoFaults(page, 'partners-apply-errors');
    await page.type('#website', 'https://quay.example');
    await page.type('#contactEmail', 'ana@quay.example');
    await page.type('#useCase', 'Completed orders become events.');
    await press(page, 'Send application');
    expect(await heading(page)).toBe('Confirm your email address');
    await expectNoFaults(page, 'partners-received');
    await press(page, 'Follow your application');
    await expectNoFaults(page, 'partners-status');
    const { applicationId, contactEmail } = await confirmedApplication(h);
    await page.type('#applicationId', applicationId);
    await press(page, 'Show status');
    await expectNoFaults(page, 'partners-status-errors');
    await page.type('#contactEmail', contactEmail);
    await press(page, 'Show status');
    expect(await heading(page)).toBe('Your application');
    await expectNoFaults(page, 'partners-status-pending');
    await page.browserContext().close();
  });

  it('lead an operator from the overview to a decision, accessibly', async () => {
    await h.ctx.store.applications.model.deleteMany({});
    const page = await openTab({ scripts: false, ip: '10.5.0.2' });
    const { staffId } = await insertMember(h, OPERATORS, 'SUPPORT');
    const cookie = staffCookie(h.ctx, await h.ctx.staffAuth.startSession(staffId, undefined));
    const [name, value] = cookie.split(';')[0]!.split('=') as [string, string];
    await page.browserContext().setCookie({ name, value, domain: 'localhost', path: '/' });
    await page.goto(`${h.url}/console`);
    await expectNoFaults(page, 'console-empty');
    for (let n = 0; n < 6; n += 1) await submittedApplication(h);
    await confirmedApplication(h);
    await page.goto(`${h.url}/console`);
    await expectNoFaults(page, 'console');
    await press(page, 'Show all 7');
    await expectNoFaults(page, 'console-applications');
    await press(page, 'Harbour Market');
    await expectNoFaults(page, 'console-application');
    await page.$eval('#eventsPerMinute', (input) => ((input as HTMLInputElement).value = 'many'));
    await press(page, 'Approve');
    await expectNoFaults(page, 'console-application-errors');
    await page.$eval('#eventsPerMinute', (input) => ((input as HTMLInputElement).value = '6000'));
    await press(page, 'Approve');
    expect(page.url()).toContain('?done=approved');
    await expectNoFaults(page, 'console-application-approved');
    await press(page, 'All applications');
    await press(page, 'Harbour Market');
    await page.type('#reason', 'The website is empty.');
    await press(page, 'Reject');
    expect(page.url()).toContain('?done=rejected');
    await expectNoFaults(page, 'console-application-rejected');
    await page.browserContext().close();
  });
});
