import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { confirmedApplication, submittedApplication } from '../../../../support/applications';
import type { BrowserSession, VisitedPage } from '../../../../support/browser-session';
import { type Harness, startHarness } from '../../../../support/harness';
import { asAdmin, auditOf, statusWith } from '../../../../support/partners';
import { mailedLink, startHarnessForPeople } from '../../../../support/people';
import { operatorBrowser } from '../../../../support/staff';

let h: Harness;
let support: BrowserSession;
let memberId: string;
beforeAll(async () => {
  h = await startHarnessForPeople();
  ({ browser: support, memberId } = await operatorBrowser(h, 'SUPPORT'));
});
afterAll(() => h.close());

const pathOf = (applicationId: string): string => `/console/applications/${applicationId}`;
const TERMS = { plan: 'STANDARD', allowedReturnOrigins: '' };

async function decide(
  browser: BrowserSession,
  applicationId: string,
  decision: 'approve' | 'reject',
  fields: Record<string, string>,
): Promise<VisitedPage> {
  const path = pathOf(applicationId);
  return browser.submit(await browser.get(path), fields, { action: `${path}/${decision}` });
}

describe('the console', () => {
  it('shows applications that wait for a decision on its overview and in its navigation', async () => {
    const { applicationId } = await submittedApplication(h);
    const page = await support.get('/console');
    expect(page.root.querySelector(`main a[href="${pathOf(applicationId)}"]`)!.text).toBe('Harbour Market');
    const pending = await h.ctx.store.applications.countPending();
    expect(page.root.querySelector('nav .count')!.text).toBe(String(pending));
    expect(page.text).toContain('Support');
  });

  it('lists applications by status, in pages', async () => {
    for (let n = 0; n < 30; n += 1) await submittedApplication(h);
    const rows = ({ root }: VisitedPage) => root.querySelectorAll('tbody th a').map((one) => one.getAttribute('href'));
    const first = await support.get('/console/applications');
    const next = first.root.querySelectorAll('main a.button').find(({ text }) => text === 'Next page')!;
    const second = await support.get(next.getAttribute('href')!.replaceAll('&amp;', '&'));
    expect(rows(first)).toHaveLength(25);
    expect(rows(second).length).toBeGreaterThanOrEqual(5);
    expect(rows(second).filter((href) => rows(first).includes(href))).toEqual([]);

    const { applicationId } = await submittedApplication(h);
    await asAdmin(h.client, 'POST', `/applications/${applicationId}/reject`, { reason: 'No' });
    expect(rows(await support.get('/console/applications'))).not.toContain(pathOf(applicationId));
    expect(rows(await support.get('/console/applications?status=REJECTED'))).toContain(pathOf(applicationId));
    expect((await support.get('/console/applications?cursor=x')).status).toBe(422);
  });

  it('shows everything that an application says', async () => {
    const { applicationId, contactEmail } = await confirmedApplication(h);
    const { text, root } = await support.get(pathOf(applicationId));
    for (const part of [contactEmail, 'confirmed', 'https://harbour.example', 'Orders become events.', applicationId]) {
      expect(text).toContain(part);
    }
    expect(root.querySelector('#eventsPerMinute')!.getAttribute('value')).toBe(
      String(h.ctx.config.defaultLimits.eventsPerMinute),
    );
    expect((await support.get(pathOf('app_0'))).status).toBe(404);
  });
});

describe('an approval', () => {
  it('invites the contact and shows no key, and no key works until the administrator creates one', async () => {
    const { applicationId, contactEmail } = await submittedApplication(h);
    const before = await support.get(pathOf(applicationId));
    expect(before.text).toContain('This address isn’t confirmed');
    const terms = {
      plan: 'ENTERPRISE',
      eventsPerMinute: '120',
      allowedReturnOrigins: 'https://a.example\r\nhttps://b.example/',
    };
    const approved = await decide(support, applicationId, 'approve', terms);
    expect(approved.path).toBe(`${pathOf(applicationId)}?done=approved`);
    expect(approved.text).toMatch(/The application is approved.*invitation/);
    expect(approved.html).not.toMatch(/mir_(live|test)_/);
    const { partnerId } = (await h.ctx.store.applications.get(applicationId))!;
    const partner = (await h.ctx.store.partners.get(partnerId!))!;
    expect(partner).toMatchObject({
      plan: 'ENTERPRISE',
      limits: { eventsPerMinute: 120, requestsPerMinute: h.ctx.config.defaultLimits.requestsPerMinute },
      allowedReturnOrigins: ['https://a.example', 'https://b.example'],
    });
    expect(partner.limits.queueSharePercent).toBeUndefined();
    expect(partner.keys).toEqual([]);
    expect(await mailedLink(h, contactEmail, /approved/)).toMatch(/^\/portal\/invitation\?token=/);
  });

  it('is in the audit log with the name of the operator', async () => {
    const { applicationId } = await submittedApplication(h);
    await decide(support, applicationId, 'approve', TERMS);
    const [, approved] = await auditOf(h.ctx, applicationId);
    const actor = { kind: 'OPERATOR', via: 'CONSOLE', name: 'Member SUPPORT', memberId };
    expect(approved).toMatchObject({ action: 'application.approved', actor });
    const { partnerId } = (await h.ctx.store.applications.get(applicationId))!;
    expect(await auditOf(h.ctx, partnerId!)).toMatchObject([{ action: 'partner.created', actor }]);
  });

  it('reports the problems of its terms beside their fields', async () => {
    const { applicationId } = await submittedApplication(h);
    const terms = {
      ...TERMS,
      eventsPerMinute: 'many',
      queueSharePercent: '101',
      allowedReturnOrigins: 'http://a.example/x',
    };
    const page = await decide(support, applicationId, 'approve', terms);
    expect(page.status).toBe(422);
    const ids = page.root.querySelectorAll('.error').map(({ id }) => id);
    expect(ids).toEqual(['eventsPerMinute-error', 'queueSharePercent-error', 'allowedReturnOrigins-error']);
    expect(page.root.querySelector('#eventsPerMinute')!.getAttribute('value')).toBe('many');
    expect(page.text).toContain('Events per minute: Enter a whole number.');
    expect((await h.ctx.store.applications.get(applicationId))!.status).toBe('PENDING');
  });

  it('changes nothing if another operator has decided in the meantime', async () => {
    const { applicationId } = await submittedApplication(h);
    const open = await support.get(pathOf(applicationId));
    const other = await operatorBrowser(h, 'ADMIN');
    await decide(other.browser, applicationId, 'reject', { reason: 'Not a platform' });
    const late = await support.submit(open, TERMS, { action: `${pathOf(applicationId)}/approve` });
    expect(late.status).toBe(409);
    expect(late.text).toMatch(/already decided.*Rejected.*Not a platform/);
    expect((await h.ctx.store.applications.get(applicationId))!.partnerId).toBeUndefined();
  });

  it('shows working keys once, uncached, on a server without email', async () => {
    const own = await startHarness({ workers: false, env: { PUBLIC_URL: 'https://mir.example' } });
    try {
      const { browser } = await operatorBrowser(own, 'SUPPORT');
      const { applicationId } = await submittedApplication(own);
      const page = await decide(browser, applicationId, 'approve', TERMS);
      const keys = page.root.querySelectorAll('code.secret').map(({ text }) => text);
      expect(keys).toEqual([expect.stringMatching(/^mir_test_/), expect.stringMatching(/^mir_live_/)]);
      for (const key of keys) expect(await statusWith(own.client, key)).toBe(200);
      expect(page.headers.get('cache-control')).toBe('no-store');
      for (const path of [pathOf(applicationId), '/console/applications?status=ALL']) {
        expect((await browser.get(path)).html).not.toMatch(/mir_(live|test)_/);
      }
    } finally {
      await own.close();
    }
  });
});

describe('a rejection', () => {
  it('needs a reason, which the applicant and the audit log get', async () => {
    const { applicationId, contactEmail } = await submittedApplication(h);
    const empty = await decide(support, applicationId, 'reject', { reason: ' ' });
    expect([empty.status, empty.root.querySelector('#reason-error')!.text]).toEqual([
      422,
      'Enter a reason. The applicant gets it, too.',
    ]);
    const rejected = await decide(support, applicationId, 'reject', { reason: 'No website yet' });
    expect(rejected.text).toMatch(/The application is rejected.*No website yet/);
    expect(rejected.root.querySelector('main form')).toBeNull();
    const [, entry] = await auditOf(h.ctx, applicationId);
    const actor = { kind: 'OPERATOR', via: 'CONSOLE', name: 'Member SUPPORT', memberId };
    expect(entry).toMatchObject({ action: 'application.rejected', reason: 'No website yet', actor });
    await mailedLink(h, contactEmail, /rejected/);
  });
});
