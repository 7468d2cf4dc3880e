import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness, TestPartner } from '../../../support/harness';
import { anonymousSession, loggedIn, mailedLink, PASSWORD, sharedHarnessForPeople } from '../../../support/people';
import type { BrowserSession, VisitedPage } from '../../../support/browser-session';
import { insertMember, invite, newStaffEmail, totp } from '../../../support/staff';
import { inviteMember } from '../../../../api/members/invite-member';
import { expectProblem } from '../../../support/problems';

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await sharedHarnessForPeople();
  partner = await mir.partner({ name: 'Harbour Market' });
});
afterAll(() => mir.close());

async function logIn(browser: BrowserSession, email: string, fields: object = {}): Promise<VisitedPage> {
  return browser.submit(await browser.get('/portal/login'), { email, password: PASSWORD, ...fields });
}

const textOf = ({ text }: VisitedPage): string => text;

describe('an invitation', () => {
  it('leads from the email to the portal', async () => {
    const email = newStaffEmail();
    const context = { actor: { kind: 'SYSTEM' }, requestId: 'r', at: new Date() } as const;
    const invitation = { organization: partner.partnerId, email, role: 'DEVELOPER', invitedBy: 'Ana Diaz' } as const;
    await inviteMember(mir.ctx, invitation, context);
    const browser = anonymousSession(mir);
    const invited = await browser.get(await mailedLink(mir, email, /invited to Harbour Market/));
    expect(textOf(invited)).toContain('become a member of Harbour Market');
    const incomplete = await browser.submit(invited, { name: '', password: 'short' });
    expect(incomplete.status).toBe(422);
    expect(textOf(incomplete)).toContain('Please fix 2 problems');
    const accepted = await browser.submit(incomplete, { name: 'Bea Ruiz', password: PASSWORD });
    expect(textOf(accepted)).toContain('You’re a member now');
    const portal = await logIn(browser, email);
    expect(portal.path).toBe('/portal');
    expect(textOf(portal)).toMatch(/Harbour Market.*Developer.*Bea Ruiz/);
  });

  it('needs no password for an address that has an account', async () => {
    const { email } = await insertMember(mir, partner.partnerId);
    const other = await mir.partner({ name: 'Quay Forum' });
    const { token } = await invite(mir, other.partnerId, 'VIEWER', email);
    const browser = anonymousSession(mir);
    const page = await browser.get(`/portal/invitation?token=${token}`);
    expect(page.root.querySelector('input[type=password]')).toBeNull();
    expect(textOf(await browser.submit(page, {}))).toContain('You’re a member now');
    expect(textOf(await logIn(browser, email))).toMatch(/Harbour Market.*Quay Forum/);
    expect((await browser.get(`/portal/invitation?token=${token}`)).status).toBe(410);
  });
});

describe('the portal', () => {
  it('shows the same error for a wrong password and an unknown address', async () => {
    const { email } = await insertMember(mir, partner.partnerId);
    const wrong = await logIn(anonymousSession(mir), email, { password: 'wrong horse battery' });
    const unknown = await logIn(anonymousSession(mir), newStaffEmail());
    expect([wrong.status, unknown.status]).toEqual([422, 422]);
    expect(textOf(wrong)).toContain('No account has this email address and password');
    expect(textOf(unknown)).toBe(textOf(wrong));
  });

  it('asks for a code if the account has a second factor', async () => {
    const { email, staffId } = await insertMember(mir, partner.partnerId);
    const { session } = await mir.ctx.staffAuth.startSession(staffId, undefined);
    const factor = await mir.ctx.staffAuth.createSecondFactor(session, PASSWORD);
    if (typeof factor === 'string') throw new Error(factor);
    await mir.ctx.staffAuth.confirmSecondFactor(session, totp(factor.otpauthUri));
    const browser = anonymousSession(mir);
    expect(textOf(await logIn(browser, email))).toContain('a code from your authenticator app');
    expect(textOf(await logIn(browser, email, { code: '000000' }))).toContain('the code is wrong');
    expect((await logIn(browser, email, { code: totp(factor.otpauthUri) })).path).toBe('/portal');
  });

  it('lists sessions, ends others, and logs out', async () => {
    const { email } = await insertMember(mir, partner.partnerId);
    const [here, there] = [anonymousSession(mir), anonymousSession(mir)];
    await logIn(there, email);
    await logIn(here, email);
    const list = await here.get('/portal/account/sessions');
    expect(textOf(list)).toMatch(/This browser.*Log out there/);
    const ended = await here.submit(list, {}, { action: '/portal/account/sessions/end' });
    expect(textOf(ended)).toContain('logged out everywhere else');
    expect(textOf(ended)).not.toContain('Log out there');
    expect((await there.get('/portal')).path).toBe('/portal/login');
    const out = await here.submit(ended, {}, { action: '/portal/logout' });
    expect(textOf(out)).toContain('You’re logged out');
    expect((await here.get('/portal')).path).toBe('/portal/login');
  });

  it('does not accept the session of a person with a history, nor the other way round', async () => {
    const person = await loggedIn(mir, `portal-person-${Date.now()}@example.org`);
    expect((await person.get('/portal')).path).toBe('/portal/login');
    const { email } = await insertMember(mir, partner.partnerId);
    const member = anonymousSession(mir);
    await logIn(member, email);
    expect((await member.get('/account')).path).toMatch(/^\/login/);
  });

  it('does not authorize the API with its cookie', async () => {
    const { email } = await insertMember(mir, partner.partnerId, 'ADMINISTRATOR');
    const browser = anonymousSession(mir);
    await logIn(browser, email);
    const headers = { cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    expectProblem(await mir.client.request('GET', '/v1/staff/me', { headers }), 401, 'SESSION_INVALID');
    expectProblem(await mir.client.request('GET', '/v1/members', { headers }), 401, 'API_KEY_MISSING');
  });

  it('sets a new password with the link from an email', async () => {
    const { email } = await insertMember(mir, partner.partnerId);
    const browser = anonymousSession(mir);
    const forgot = await browser.submit(await browser.get('/portal/forgot'), { email });
    expect(textOf(forgot)).toContain('Check your email');
    const reset = await browser.get(await mailedLink(mir, email, /new password/));
    expect(textOf(await browser.submit(reset, { password: 'short' }))).toContain('too short');
    const done = await browser.submit(reset, { password: 'another horse battery' });
    expect(textOf(done)).toContain('Your new password is set');
    expect((await logIn(browser, email, { password: 'another horse battery' })).path).toBe('/portal');
    expect((await logIn(anonymousSession(mir), email)).status).toBe(422);
  });
});
