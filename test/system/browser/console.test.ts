import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { staffCookie } from '../../../api/accounts/staff-cookie';
import type { OperatorRole } from '../../../shared/domain/roles';
import { OPERATORS } from '../../../shared/store/members';
import { confirmedApplication, submittedApplication } from '../../support/applications';
import { anEvent } from '../../support/builders';
import { describeInBrowser, faultsOf, openTab, press, shoot } from '../../support/chromium';
import { makeDeadLetter } from '../../support/dead-letters';
import type { Harness } from '../../support/harness';
import { startHarnessForPeople } from '../../support/people';
import { deadLetters } from '../../support/route-fixtures';
import { tenantOf } from '../../../shared/domain/ids';
import { appendEntries, insertSealed } from '../../support/audit-entries';
import { insertDelivery, insertEndpoint, insertErasure } from '../../support/records';
import { insertMember } from '../../support/staff';

let h: Harness;

describeInBrowser('the pages for applicants and operators in a browser without scripts', () => {
  beforeAll(async () => {
    h = await startHarnessForPeople();
  });
  afterAll(() => h.close());

  async function logInAs(page: Page, role: OperatorRole): Promise<void> {
    const { staffId } = await insertMember(h, OPERATORS, role);
    const cookie = staffCookie(h.ctx, await h.ctx.staffAuth.startSession(staffId, undefined));
    const [name, value] = cookie.split(';')[0]!.split('=') as [string, string];
    await page.browserContext().setCookie({ name, value, domain: 'localhost', path: '/' });
  }

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
    await logInAs(page, 'SUPPORT');
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

  it('show operators the audit log, erasures and webhooks, accessibly', async () => {
    const { store } = h.ctx;
    const partner = await h.partner({ name: 'Harbour Market' });
    const tenant = tenantOf(partner.partnerId, 'live');
    const actor = { kind: 'OPERATOR', via: 'CONSOLE', name: 'Ana Diaz', memberId: 'mem_1' } as const;
    await appendEntries(store, tenant, 12, { action: 'agent.suspended' });
    await appendEntries(store, tenant, 1, {
      action: 'partner.updated',
      target: partner.partnerId,
      actor,
      reason: 'Larger plan since December',
      before: { plan: 'STANDARD', limits: { eventsPerMinute: 6_000 } },
      after: { plan: 'ENTERPRISE', limits: { eventsPerMinute: 60_000 } },
    });
    const erasure = await insertErasure(h, tenant, { ageMs: 40 * 60_000, eventsErased: 1_240 });
    await insertErasure(h, tenant, { ageMs: 90_000 });
    const endpoint = await insertEndpoint(h, partner, { failingSince: new Date(Date.now() - 3 * 3_600_000) });
    const attemptLog = [{ at: new Date(), responseCode: 503, durationMs: 30 }];
    await insertDelivery(h, endpoint, { attempts: 8, attemptLog });
    await insertDelivery(h, endpoint, { status: 'SKIPPED', type: 'agent.suspended' });

    const page = await openTab({ ip: '10.5.0.4' });
    await logInAs(page, 'VIEWER');
    await page.goto(`${h.url}/console/audit?partner=${partner.partnerId}`);
    await page.$eval('.entries details', (details) => details.setAttribute('open', ''));
    await expectNoFaults(page, 'console-audit');
    await insertSealed(store, tenantOf(partner.partnerId, 'test'), 10_001);
    const lastOfTest = { chain: tenantOf(partner.partnerId, 'test'), seq: 10_001 };
    await store.audit.model.collection.updateOne(lastOfTest, { $set: { reason: 'forged' } });
    await page.goto(`${h.url}/console/audit/verify?partner=${partner.partnerId}&env=test`);
    // A script continues with the second step.
    await page.waitForFunction(() => document.body.textContent.includes('The chain is broken at entry 10,001'));
    await expectNoFaults(page, 'console-audit-broken');
    await page.goto(`${h.url}/console/erasures`);
    await expectNoFaults(page, 'console-erasures');
    await page.goto(`${h.url}/console/erasures/${erasure._id}`);
    await expectNoFaults(page, 'console-erasure');
    await page.goto(`${h.url}/console/webhooks`);
    await expectNoFaults(page, 'console-webhooks');
    await press(page, 'hooks.harbour.example');
    await expectNoFaults(page, 'console-webhook');
    await page.browserContext().close();
  });

  it('lead an operator from what needs attention to a replay and a drop, accessibly', async () => {
    await h.stopWorkers();
    const { liveKey } = await h.partner();
    const events = Array.from({ length: 3 }, () => anEvent());
    await h.client.post('/events', liveKey, { events });
    const [job] = await h.ctx.queues.events.getJobs();
    await makeDeadLetter(h, job!.id!);
    await deadLetters(h, 1);
    const page = await openTab({ scripts: false, ip: '10.5.0.3' });
    await logInAs(page, 'ON_CALL');
    await page.goto(`${h.url}/console`);
    await press(page, 'Health');
    await expectNoFaults(page, 'console-health');
    await page.goto(`${h.url}/console`);
    await expectNoFaults(page, 'console-attention');
    await press(page, 'Open dead letters');
    await press(page, 'Select all');
    await expectNoFaults(page, 'console-dead-letters');
    await page.goto(`${h.url}/console/dead-letters/${job!.id}`);
    await expectNoFaults(page, 'console-dead-letter');
    await press(page, 'Drop…');
    await press(page, 'Drop for good');
    await expectNoFaults(page, 'console-dead-letter-drop-errors');
    await page.type('#reason', 'The platform sent them again.');
    await page.type('#typed', job!.id!.slice(-6));
    await press(page, 'Drop for good');
    expect(page.url()).toContain('?done=dropped');
    await press(page, 'Select all');
    await press(page, 'Replay selected');
    expect(page.url()).toContain('count=1');
    await page.setJavaScriptEnabled(true);
    await press(page, 'Queues');
    await page.waitForFunction(() => /cascades/.test(document.body.textContent));
    await shoot(page, 'console-queues');
    await press(page, 'Back to the console');
    expect(await heading(page)).toBe('Overview');
    await page.browserContext().close();
  });
});
