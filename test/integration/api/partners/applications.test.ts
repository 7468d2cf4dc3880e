import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MAX_APPLICATION_MAILS_PER_HOUR } from '../../../../api/partners/submit-application';
import { APPLICATION_LINK_DAYS } from '../../../../shared/domain/mailed-link';
import { MAX_WAITING_MAILS } from '../../../../shared/mails/notify-partner';
import {
  applicantSecret,
  confirmedApplication,
  type SubmittedApplication,
  submittedApplication,
} from '../../../support/applications';
import type { VisitedPage } from '../../../support/browser-session';
import { type Harness, startHarness } from '../../../support/harness';
import { anApplication, asAdmin, auditOf } from '../../../support/partners';
import { anonymousSession, mailedLink, PASSWORD, startHarnessForPeople } from '../../../support/people';
import { expectProblem } from '../../../support/problems';
import { fromNewAddress } from '../../../support/staff';
import { waitUntil } from '../../../support/wait-until';

const PAGE = '/partners/applications/confirm';
const CONFIRM = /Confirm your application/;

let h: Harness;
let addresses = 0;
let contactEmail: string;
beforeAll(async () => {
  h = await startHarnessForPeople();
});
afterAll(() => h.close());
beforeEach(() => {
  contactEmail = `Ops-${(addresses += 1)}@harbour.example`;
});

async function apply(changes: Record<string, unknown> = {}): Promise<string> {
  const application = anApplication({ contactEmail, ...changes });
  const { status, body } = await h.client.post('/v1/partners/applications', undefined, application, fromNewAddress());
  expect(status).toBe(202);
  return body.applicationId;
}
const askStatus = (applicationId: string, email: string) =>
  h.client.post(
    '/v1/partners/applications/status',
    undefined,
    { applicationId, contactEmail: email },
    fromNewAddress(),
  );
const decide = (applicationId: string, decision: 'approve' | 'reject', body: unknown) =>
  asAdmin(h.client, 'POST', `/applications/${applicationId}/${decision}`, body);
const mailsTo = (to: string) => h.ctx.store.outboxMails.model.find({ to }).lean();

/** Opens a link from an email and presses the button. */
async function confirmBy(link: string): Promise<VisitedPage> {
  const visitor = anonymousSession(h);
  return visitor.submit(await visitor.get(link), {});
}

describe('an application', () => {
  it('is confirmed with the emailed link, which then shows its status', async () => {
    const applicationId = await apply({ name: 'Quay & Co' });
    const link = await mailedLink(h, contactEmail, CONFIRM);
    expect(link).toMatch(/^\/partners\/applications\/confirm\?token=[\w-]{43}$/);
    const [mail] = await mailsTo(contactEmail);
    expect(mail!.text).toContain(`Your application ID is ${applicationId}.`);
    expect(mail!.text).toContain('Quay & Co');

    const visitor = anonymousSession(h);
    const opened = await visitor.get(link);
    expect(opened.text).toMatch(/Confirm your email address/);
    expect(opened.headers.get('referrer-policy')).toBe('no-referrer');
    expectProblem(await askStatus(applicationId, contactEmail), 404, 'NOT_FOUND');
    expect((await h.ctx.store.applications.get(applicationId))!.addressConfirmedAt).toBeUndefined();

    const confirmed = await visitor.submit(opened, {});
    expect(confirmed.text).toMatch(/Your email address is confirmed.*Waiting for a decision/);
    expect(confirmed.text).toContain(applicationId);
    expect(await askStatus(applicationId, contactEmail.toUpperCase())).toMatchObject({
      status: 200,
      body: { applicationId, status: 'PENDING', addressConfirmed: true, decidedAt: null },
    });
    const { body } = await asAdmin(h.client, 'GET', '/applications?limit=1');
    expect(body.data).toMatchObject([{ applicationId, addressConfirmedAt: expect.any(String) }]);
    const entries = await auditOf(h.ctx, applicationId);
    expect(entries.map(({ action, actor }) => [action, actor.kind])).toEqual([
      ['application.submitted', 'APPLICANT'],
      ['application.address_confirmed', 'APPLICANT'],
    ]);
    expect(JSON.stringify(entries)).not.toContain(contactEmail);
  });

  it('stays confirmed at the same time if the form is sent again', async () => {
    const applicationId = await apply();
    const link = await mailedLink(h, contactEmail, CONFIRM);
    const visitor = anonymousSession(h);
    const form = await visitor.get(link);
    await visitor.submit(form, {});
    const { addressConfirmedAt } = (await h.ctx.store.applications.get(applicationId))!;
    expect((await visitor.submit(form, {})).text).toContain('Your email address is confirmed');
    expect((await h.ctx.store.applications.get(applicationId))!.addressConfirmedAt).toEqual(addressConfirmedAt);
    expect(await auditOf(h.ctx, applicationId)).toHaveLength(2);
  });

  it('has the same 404 for an unknown ID, another address and an unconfirmed address', async () => {
    const confirmed = await confirmedApplication(h);
    const unconfirmed = await submittedApplication(h);
    const details = new Set<string>();
    for (const [id, email] of [
      ['app_none', confirmed.contactEmail],
      [confirmed.applicationId, unconfirmed.contactEmail],
      [unconfirmed.applicationId, unconfirmed.contactEmail],
    ] as const) {
      const response = await askStatus(id, email);
      expectProblem(response, 404, 'NOT_FOUND');
      details.add(response.body.detail);
    }
    expect(details.size).toBe(1);
    expect((await askStatus(confirmed.applicationId, confirmed.contactEmail)).status).toBe(200);
  });

  it.each(['', '?token=', '?token=none', `?token=${'x'.repeat(43)}`])('is not found by the link %j', async (query) => {
    const page = await anonymousSession(h).get(PAGE + query);
    expect(page.status).toBe(410);
    expect(page.text).toContain('This link no longer works');
  });

  it('can no longer be confirmed after the link has expired', async () => {
    const { applicationId } = await submittedApplication(h);
    const secret = await applicantSecret(h, applicationId);
    const visitor = anonymousSession(h);
    const form = await visitor.get(`${PAGE}?token=${secret}`);
    expect(form.status).toBe(200);
    const createdAt = new Date(Date.now() - APPLICATION_LINK_DAYS * 24 * 3_600_000);
    await h.ctx.store.applications.model.updateOne({ _id: applicationId }, { $set: { createdAt } });
    expect((await visitor.submit(form, {})).status).toBe(410);
    expect((await h.ctx.store.applications.get(applicationId))!.addressConfirmedAt).toBeUndefined();
  });

  it('is stored without an email once its contact address got too many', async () => {
    const ids: string[] = [];
    for (let n = 0; n <= MAX_APPLICATION_MAILS_PER_HOUR; n += 1) ids.push(await apply());
    const { applications, queuedMails } = h.ctx.store;
    expect(await applications.model.countDocuments({ contactEmail })).toBe(ids.length);
    await waitUntil('no email to the address waits', async () => {
      return (await queuedMails.model.countDocuments({ applicationId: { $in: ids } })) === 0;
    });
    expect(await mailsTo(contactEmail)).toHaveLength(MAX_APPLICATION_MAILS_PER_HOUR);
  });

  it('limits status requests by client address', async () => {
    const headers = fromNewAddress();
    const ask = () =>
      h.client.post(
        '/v1/partners/applications/status',
        undefined,
        { applicationId: 'app_none', contactEmail },
        headers,
      );
    const statuses: number[] = [];
    for (let n = 0; n < 31; n += 1) statuses.push((await ask()).status);
    expect(new Set(statuses.slice(0, 30))).toEqual(new Set([404]));
    expectProblem(await ask(), 429, 'RATE_LIMITED');
  });
});

describe('a decision', () => {
  it('is emailed with the reason if the application is rejected', async () => {
    const applicationId = await apply();
    const link = await mailedLink(h, contactEmail, CONFIRM);
    await confirmBy(link);
    expect((await decide(applicationId, 'reject', { reason: 'The website is empty.' })).status).toBe(200);
    expect(await mailedLink(h, contactEmail, /was rejected/)).toBe('/partners');
    const mail = (await mailsTo(contactEmail)).find(({ subject }) => subject.includes('rejected'));
    expect(mail!.text).toContain('Reason: The website is empty.');
    expect((await askStatus(applicationId, contactEmail)).body).toMatchObject({
      status: 'REJECTED',
      reason: 'The website is empty.',
      decidedAt: expect.any(String),
    });
    expect((await anonymousSession(h).get(link)).text).toMatch(/Rejected.*The website is empty\./);
  });

  it('says nothing about a reason that was not given', async () => {
    const applicationId = await apply();
    await decide(applicationId, 'reject', {});
    await mailedLink(h, contactEmail, /was rejected/);
    for (const { text } of await mailsTo(contactEmail)) expect(text).not.toMatch(/Reason|undefined/);
  });

  it('invites the contact address as the first administrator if the application is approved', async () => {
    const applicationId = await apply();
    const { status, body } = await decide(applicationId, 'approve', { plan: 'STANDARD' });
    expect(status).toBe(201);
    const link = await mailedLink(h, contactEmail.toLowerCase(), /was approved/);
    const { pathname, searchParams } = new URL(link, h.url);
    expect(pathname).toBe('/portal/invitation');
    const accepted = await h.client.post(
      '/v1/staff/invitations/accept',
      undefined,
      { token: searchParams.get('token'), name: 'Ana Diaz', password: PASSWORD },
      fromNewAddress(),
    );
    expect(accepted.status).toBe(200);
    const { members, audit } = h.ctx.store;
    expect(await members.model.find({ organization: body.partnerId }).lean()).toMatchObject([
      { staffId: accepted.body.staffId, role: 'ADMINISTRATOR' },
    ]);
    const actions = (await audit.model.find({ partnerId: body.partnerId }).lean()).map(({ action }) => action);
    expect(actions.toSorted()).toEqual(['application.approved', 'member.invited', 'member.joined', 'partner.created']);
  });

  it('is not made, and nothing is stored, while too many emails are waiting', async () => {
    const own = await startHarness({ workers: false });
    try {
      const [approved, rejected] = await Promise.all([submittedApplication(own), submittedApplication(own)]);
      const later = new Date(Date.now() + 3_600_000);
      const row = { reason: 'RESET', identityId: 'idn_none', openAttempts: 0, nextLookAt: later, expireAt: later };
      const waiting = Array.from({ length: MAX_WAITING_MAILS }, (_, n) => ({ _id: `mail_${n}`, ...row }));
      await own.ctx.store.queuedMails.model.insertMany(waiting);
      const post = (path: string, body: unknown) => asAdmin(own.client, 'POST', `/applications/${path}`, body);
      expectProblem(await post(`${approved.applicationId}/approve`, { plan: 'STANDARD' }), 503, 'OVERLOADED');
      expectProblem(await post(`${rejected.applicationId}/reject`, {}), 503, 'OVERLOADED');
      expectProblem(await own.client.post('/v1/partners/applications', undefined, anApplication()), 503, 'OVERLOADED');
      expect(await own.ctx.store.applications.countPending()).toBe(2);
    } finally {
      await own.close();
    }
  });
});

describe('without email', () => {
  it('applications are decided as usual, but nothing is sent and the status is not available', async () => {
    const own = await startHarness({ workers: false, env: { PUBLIC_URL: 'https://mir.example' } });
    try {
      const application: SubmittedApplication = await submittedApplication(own);
      const sent = await own.client.post('/v1/partners/applications', undefined, anApplication());
      expect(sent.status).toBe(202);
      expectProblem(
        await own.client.post('/v1/partners/applications/status', undefined, application),
        404,
        'NOT_FOUND',
      );
      const path = `/applications/${application.applicationId}/approve`;
      expect((await asAdmin(own.client, 'POST', path, { plan: 'STANDARD' })).status).toBe(201);
      const reject = `/applications/${sent.body.applicationId}/reject`;
      expect((await asAdmin(own.client, 'POST', reject, { reason: 'no' })).status).toBe(200);
      expect(await own.ctx.store.queuedMails.count()).toBe(0);
      expect(await own.ctx.store.memberInvitations.model.countDocuments()).toBe(0);
    } finally {
      await own.close();
    }
  });
});
