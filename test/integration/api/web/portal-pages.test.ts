import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_FORM_BODY_BYTES } from '../../../../api/http/body-limits';
import { MEMBER_PAGES } from '../../../../api/web/portal/pages';
import { MEMBER_ROLES, type MemberRole, ROLE_SCOPES } from '../../../../shared/domain/roles';
import type { VisitedPage } from '../../../support/browser-session';
import type { Harness, TestPartner } from '../../../support/harness';
import { anonymousSession, PASSWORD, startHarnessForPeople } from '../../../support/people';
import { baseOf, type LoggedIn, logInMember, waitForPage } from '../../../support/portal-session';

let mir: Harness;
let partner: TestPartner;
let foreign: TestPartner;
beforeAll(async () => {
  mir = await startHarnessForPeople();
  partner = await mir.partner({ name: 'Harbour Market' });
  foreign = await mir.partner({ name: 'Quay Forum' });
});
afterAll(() => mir.close());

const loggedInAs = (role: MemberRole): Promise<LoggedIn> => logInMember(mir, partner, role);

/** Moves the last log-in of a session into the past. */
async function ageLogIn({ staffId }: LoggedIn): Promise<void> {
  const confirmedAt = new Date(Date.now() - 3_600_000);
  const { modifiedCount } = await mir.ctx.store.staffSessions.model.updateMany({ userId: staffId }, { confirmedAt });
  expect(modifiedCount).toBe(1);
}

describe('every page for members', () => {
  type Send = (method: string, path: string) => Promise<VisitedPage>;

  /** Returns a function that sends a page's request with a valid form token, without following redirects of forms. */
  async function senderOf({ browser }: Pick<LoggedIn, 'browser'>): Promise<Send> {
    const home = await browser.get('/portal');
    const form_token = home.root.querySelector('input[name=form_token]')?.getAttribute('value') ?? '';
    return (method, path) => (method === 'GET' ? browser.get(path) : browser.post(path, { form_token }));
  }

  const pages = MEMBER_PAGES.map(({ method, path, scope }) => ({ method, scope, path: path.split('/:env')[1]! }));

  it.each(MEMBER_ROLES)('allows %s what the role’s scopes allow, and nothing at another partner', async (role) => {
    const send = await senderOf(await loggedInAs(role));
    const outcomes = [];
    for (const { method, path, scope } of pages) {
      const bases = [baseOf(partner), baseOf(foreign), '/portal/prt_000000000000/live'];
      const [own, other, missing] = await Promise.all(bases.map((base) => send(method, base + path)));
      outcomes.push({
        page: `${method} ${path}`,
        isAllowed: own!.status !== 403,
        shouldBeAllowed: ROLE_SCOPES[role].includes(scope),
        other: other!.status,
        hasSameText:
          other!.text.replaceAll(/req_[\w-]+|[\da-f-]{36}/g, '') ===
          missing!.text.replaceAll(/req_[\w-]+|[\da-f-]{36}/g, ''),
      });
    }
    expect(outcomes).toHaveLength(pages.length);
    for (const { page, isAllowed, shouldBeAllowed, other, hasSameText } of outcomes) {
      expect([page, isAllowed, other, hasSameText]).toEqual([page, shouldBeAllowed, 404, true]);
    }
  });

  it('sends browsers without a session to the log-in page', async () => {
    const browser = anonymousSession(mir);
    for (const { path } of pages.filter(({ method }) => method === 'GET')) {
      expect((await browser.get(baseOf(partner) + path)).path).toBe('/portal/login');
    }
  });

  it('rejects a form without its token', async () => {
    const { browser } = await loggedInAs('ADMINISTRATOR');
    for (const { path } of pages.filter(({ method }) => method === 'POST')) {
      const response = await browser.post(baseOf(partner) + path, { form_token: 'of another session' });
      expect([path, response.status]).toEqual([path, 403]);
    }
  });

  it('is a 404 in an environment that does not exist', async () => {
    const { browser } = await loggedInAs('ADMINISTRATOR');
    expect((await browser.get(baseOf(partner, 'staging'))).status).toBe(404);
  });
});

describe('the pages about keys', () => {
  it('show a new key once, which then works, and revoke it', async () => {
    const { browser } = await loggedInAs('DEVELOPER');
    const form = await browser.get(`${baseOf(partner)}/keys/new`);
    const created = await browser.submit(form, { name: 'Checkout service' });
    expect(created.status).toBe(200);
    expect(created.headers.get('cache-control')).toBe('no-store');
    const key = created.root.querySelector('#api-key')!.text;
    expect((await mir.client.get('/v1/events', key)).status).toBe(200);
    const list = await browser.get(`${baseOf(partner)}/keys`);
    expect(list.text).toContain('Checkout service');
    expect(list.html).not.toContain(key);
    expect((await browser.get(`${baseOf(partner, 'test')}/keys`)).text).not.toContain('Checkout service');

    const view = list.root.querySelectorAll('main a').find(({ text }) => text === 'Checkout service')!;
    const revoke = view.getAttribute('href')!.replace('/view?', '/revoke?');
    const done = await browser.submit(await browser.get(revoke), { reason: 'not needed' });
    expect(done.text).toContain('The key is revoked');
    expect((await mir.client.get('/v1/events', key)).status).toBe(401);
  });

  it('list every problem of the form and keep what was entered', async () => {
    const { browser } = await loggedInAs('DEVELOPER');
    const form = await browser.get(`${baseOf(partner)}/keys/new`);
    const token = form.root.querySelector('main input[name=form_token]')!.getAttribute('value')!;
    const rejected = await browser.post(`${baseOf(partner)}/keys/new`, { form_token: token, 'scope.usage:read': 'on' });
    expect(rejected.status).toBe(422);
    expect(rejected.text).toContain('Enter a name.');
    expect(rejected.root.querySelectorAll('input[type=checkbox][checked]').map(({ id }) => id)).toEqual([
      'scope.usage:read',
    ]);
  });

  it('ask for the password again if the log-in was not recent', async () => {
    const member = await loggedInAs('DEVELOPER');
    await ageLogIn(member);
    const confirm = await member.browser.get(`${baseOf(partner)}/keys/new`);
    expect(confirm.path).toContain('/portal/confirm');
    const wrong = await member.browser.submit(confirm, { password: 'wrong horse battery' });
    expect([wrong.status, wrong.text.includes('The password is wrong')]).toEqual([422, true]);
    const form = await member.browser.submit(wrong, { password: PASSWORD });
    expect(form.path).toBe(`${baseOf(partner)}/keys/new`);
    expect((await member.browser.submit(form, { name: 'After confirmation' })).text).toContain('Copy your key now');
  });

  it('name the member in the audit log', async () => {
    const member = await loggedInAs('DEVELOPER');
    const form = await member.browser.get(`${baseOf(partner)}/keys/new`);
    await member.browser.submit(form, { name: 'Audited' });
    const { data } = (await mir.client.get('/v1/audit?action=key.created', partner.liveKey)).body;
    expect(data[0]).toMatchObject({ actor: { kind: 'MEMBER', memberId: member.memberId } });
  });
});

describe('the confirmation of a log-in', () => {
  it('continues only on pages of the portal', async () => {
    const { browser } = await loggedInAs('VIEWER');
    for (const next of [
      'https://evil.example',
      '//evil.example',
      '/account',
      `/portal/${partner.partnerId}/live/../x`,
    ]) {
      const page = await browser.get(`/portal/confirm?next=${encodeURIComponent(next)}`);
      expect((await browser.submit(page, { password: PASSWORD })).path).toBe('/portal');
    }
  });

  it('repeats forms with long texts, such as the response of a passkey', async () => {
    const { browser } = await loggedInAs('VIEWER');
    const page = await browser.get('/portal/confirm');
    const token = page.root.querySelector('main input[name=form_token]')!.getAttribute('value')!;
    const response = 'x'.repeat(MAX_FORM_BODY_BYTES);
    const fields = { form_token: token, password: PASSWORD, resubmits: 'yes', next: '/portal/account/passkeys/new' };
    const { status, headers } = await browser.post('/portal/confirm', { ...fields, response });
    expect([status, headers.get('location')]).toEqual([307, '/portal/account/passkeys/new']);
  });

  it('submits a form only to pages of the portal', async () => {
    const { browser } = await loggedInAs('VIEWER');
    const page = await browser.get('/portal/confirm');
    const token = page.root.querySelector('main input[name=form_token]')!.getAttribute('value')!;
    const fields = { form_token: token, password: PASSWORD, resubmits: 'yes', next: 'https://evil.example' };
    const { status, headers } = await browser.post('/portal/confirm', fields);
    expect([status, headers.get('location')]).toEqual([303, '/portal']);
  });
});

describe('a member whose role ends', () => {
  it('loses the pages at once', async () => {
    const member = await loggedInAs('DEVELOPER');
    expect((await member.browser.get(`${baseOf(partner)}/keys`)).status).toBe(200);
    const admin = await loggedInAs('ADMINISTRATOR');
    const change = await admin.browser.get(`${baseOf(partner)}/members/change?member=${member.memberId}`);
    const { text } = await admin.browser.submit(change, { role: 'VIEWER', action: 'change' });
    expect(text).toContain('The role is changed');
    expect((await member.browser.get(`${baseOf(partner)}/keys/new`)).status).toBe(403);
    const removal = await admin.browser.get(`${baseOf(partner)}/members/change?member=${member.memberId}`);
    await admin.browser.submit(removal, { action: 'remove' });
    expect((await member.browser.get(`${baseOf(partner)}/keys`)).status).toBe(404);
  });
});

describe('the first event', () => {
  it('waits until it is stored, and then shows what /resolve says', async () => {
    const { browser } = await loggedInAs('DEVELOPER');
    const form = await browser.get(`${baseOf(partner)}/first-event`);
    const waiting = await browser.submit(form, {
      userExternalId: 'first-user',
      eventType: 'mir.transaction.completed',
    });
    expect(waiting.path).toMatch(/first-event\/sent\?event=evt_live_/);
    expect(waiting.path).not.toContain('first-user');
    const stored = await waitForPage(browser, waiting.path, 'The event is stored');
    expect(stored.text).toContain('Tier 1');
    const found = await browser.submit(await browser.get(`${baseOf(partner)}/users`), { userExternalId: 'first-user' });
    expect(found.text).toMatch(/first-user.*Tier 1.*Events\s*1/);
  });
});
