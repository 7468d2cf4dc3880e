import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OPERATORS } from '../../../../shared/store/members';
import { newAuthenticator } from '../../../support/authenticator';
import type { BrowserSession, VisitedPage } from '../../../support/browser-session';
import type { Harness, TestPartner } from '../../../support/harness';
import { anonymousSession, mailedLink, PASSWORD, sharedHarnessForPeople } from '../../../support/people';
import { logInMember } from '../../../support/portal-session';
import { insertMember, staffBrowser, totp } from '../../../support/staff';

const ACCOUNT = '/portal/account';

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await sharedHarnessForPeople();
  partner = await mir.partner({ name: 'Harbour Market' });
});
afterAll(() => mir.close());

const loggedIn = () => logInMember(mir, partner, 'VIEWER');

async function logIn(email: string, fields: Record<string, string> = {}): Promise<VisitedPage> {
  const browser = anonymousSession(mir);
  return browser.submit(await browser.get('/portal/login'), { email, password: PASSWORD, ...fields });
}

/** Returns the actions in the audit log about an account. */
async function actionsOf(staffId: string): Promise<string[]> {
  const entries = await mir.ctx.store.audit.model.find({ target: staffId }).sort({ at: 1 }).lean();
  return entries.map(({ action }) => action);
}

/** Returns the options for the browser that a page's script reads. */
function optionsOf({ root, path }: VisitedPage): { challenge: string } {
  const options = root.querySelector('form[data-passkey]')?.getAttribute('data-passkey-options');
  if (options === undefined) throw new Error(`${path} has no form for a passkey`);
  return JSON.parse(options) as { challenge: string };
}

/** Submits the form for a passkey as our script does. */
function respond(
  browser: BrowserSession,
  page: VisitedPage,
  response: object,
  fields: Record<string, string> = {},
): Promise<VisitedPage> {
  const action = page.root.querySelector('form[data-passkey]')!.getAttribute('action')!;
  return browser.submit(page, { response: JSON.stringify(response), ...fields }, { action });
}

async function addPasskey(browser: BrowserSession, authenticator: ReturnType<typeof newAuthenticator>, name: string) {
  const form = await browser.get(`${ACCOUNT}/passkeys/new`);
  return respond(browser, form, authenticator.create(optionsOf(form)), { name });
}

async function ageLogIn(staffId: string): Promise<void> {
  const confirmedAt = new Date(Date.now() - 3_600_000);
  const { modifiedCount } = await mir.ctx.store.staffSessions.model.updateMany({ userId: staffId }, { confirmedAt });
  expect(modifiedCount).toBe(1);
}

/** Reads a QR code from its path, as a camera does. */
async function textInQrCode({ root }: VisitedPage): Promise<string> {
  const svg = root.querySelector('svg.qr')!;
  const size = Number(svg.getAttribute('viewBox')!.split(' ')[2]);
  const scale = 4;
  const [width, height] = [size * scale, size * scale];
  const data = new Uint8Array(width * height * 4).fill(255);
  for (const [, x, y] of svg
    .querySelector('path')!
    .getAttribute('d')!
    .matchAll(/M(\d+) (\d+)h1v1h-1z/g)) {
    for (let row = 0; row < scale; row += 1) {
      const start = ((Number(y) * scale + row) * width + Number(x) * scale) * 4;
      data.fill(0, start, start + scale * 4);
    }
  }
  const { default: decodeQR } = await import('qr/decode.js');
  return decodeQR({ width, height, data });
}

describe('the home page of the portal', () => {
  it('links to both environments of each organization, and to the console only for operators', async () => {
    const { browser } = await loggedIn();
    const links = (await browser.get('/portal')).root.querySelectorAll('a').map((one) => one.getAttribute('href'));
    expect(links).toEqual(
      expect.arrayContaining([`/portal/${partner.partnerId}/live`, `/portal/${partner.partnerId}/test`]),
    );
    expect(links).not.toContain('/console');
    const operator = await staffBrowser(mir, (await insertMember(mir, OPERATORS, 'SUPPORT')).staffId);
    const home = await operator.get('/portal');
    expect(home.text).toContain('You help operate this server. Support');
    expect(home.root.querySelectorAll('a[href="/console"]').length).toBeGreaterThan(0);
  });
});

describe('the profile', () => {
  it('changes the name, and keeps what was entered if it is not valid', async () => {
    const { browser, staffId } = await loggedIn();
    const rejected = await browser.submit(await browser.get(ACCOUNT), { name: 'Bea "the bee" Ruiz' });
    expect([rejected.status, rejected.root.querySelector('#name')!.getAttribute('value')]).toEqual([
      422,
      'Bea "the bee" Ruiz',
    ]);
    expect(rejected.text).toContain('Must not contain quotation marks');
    expect((await browser.submit(rejected, { name: ' ' })).text).toContain('Enter your name.');
    expect((await browser.submit(rejected, { name: 'Bea Ruiz' })).text).toContain('Your name is saved');
    expect((await browser.get('/portal')).text).toContain('Bea Ruiz');
    expect(await actionsOf(staffId)).toEqual(['staff.renamed']);
  });
});

describe('the second factor', () => {
  it('is set up with a QR code, and then needed to log in until it is removed', async () => {
    const { browser, email, staffId } = await loggedIn();
    const form = await browser.get(`${ACCOUNT}/second-factor`);
    const wrong = await browser.submit(form, { password: 'wrong horse battery' });
    expect([wrong.status, wrong.text.includes('The password is wrong')]).toEqual([422, true]);
    const scan = await browser.submit(wrong, { password: PASSWORD });
    expect(scan.headers.get('cache-control')).toBe('no-store');
    const uri = await textInQrCode(scan);
    const key = scan.root.querySelector('#second-factor-key')!.text.replaceAll(' ', '');
    expect(new URL(uri).searchParams.get('secret')).toBe(key);
    const codes = scan.root.querySelectorAll('#backup-codes li').map((one) => one.text.trim());
    expect(codes.length).toBeGreaterThan(5);

    const again = await browser.submit(scan, { code: '000000' });
    expect([again.status, again.text.includes('The code is wrong')]).toEqual([422, true]);
    expect((await logIn(email)).path).toBe('/portal');
    const done = await browser.submit(again, { code: totp(uri) });
    expect(done.text).toContain('Your second factor is on');
    expect((await browser.get('/portal')).path).toBe('/portal/login');
    expect((await logIn(email)).text).toContain('a code from your authenticator app');

    const other = anonymousSession(mir);
    const proof = { email, password: PASSWORD, code: codes[0]! };
    await other.submit(await other.get('/portal/login'), proof);
    expect((await other.get(`${ACCOUNT}/second-factor`)).path).toBe(`${ACCOUNT}/security`);
    const removal = await other.get(`${ACCOUNT}/second-factor/remove`);
    expect((await other.submit(removal, { password: 'wrong horse battery' })).text).toContain('The password is wrong');
    expect((await other.submit(removal, { password: PASSWORD })).text).toContain('Your second factor is removed');
    expect((await logIn(email)).path).toBe('/portal');
    expect(await actionsOf(staffId)).toEqual(['staff.second_factor_added', 'staff.second_factor_removed']);
  });
});

describe('passkeys', () => {
  it('are added, log in, and no longer log in once they are removed', async () => {
    const { browser, staffId } = await loggedIn();
    const authenticator = newAuthenticator(mir.ctx.config.publicUrl);
    const security = await addPasskey(browser, authenticator, 'Work laptop');
    expect(security.text).toMatch(/The passkey is added.*Work laptop.*Never/);

    const visitor = anonymousSession(mir);
    const page = await visitor.get('/portal/login/passkey');
    const signed = authenticator.sign(optionsOf(page));
    expect((await respond(visitor, page, signed)).path).toBe('/portal');
    const repeated = await respond(anonymousVisitor(visitor), page, signed);
    expect([repeated.status, repeated.text.includes('No account has this passkey')]).toEqual([422, true]);
    // Otherwise, the browser would ask again and again.
    expect(repeated.root.querySelector('[data-passkey-start]')).toBeNull();

    const list = await browser.get(`${ACCOUNT}/security`);
    const remove = list.root.querySelector('a[aria-label="Remove Work laptop"]')!.getAttribute('href')!;
    const removed = await browser.submit(await browser.get(remove), {});
    expect(removed.text).toMatch(/The passkey is removed.*No passkeys yet/);
    const after = await respond(anonymousVisitor(visitor), repeated, authenticator.sign(optionsOf(repeated)));
    expect(after.status).toBe(422);
    expect(await actionsOf(staffId)).toEqual(['staff.passkey_added', 'staff.passkey_removed']);
  });

  /** A browser with the visitor's ID, but without its session. */
  function anonymousVisitor({ cookies }: BrowserSession): BrowserSession {
    const browser = anonymousSession(mir);
    for (const [name, value] of cookies) if (name.endsWith('mir_visitor')) browser.cookies.set(name, value);
    return browser;
  }

  it('offer the form again, with another challenge, if something is missing', async () => {
    const { browser } = await loggedIn();
    const form = await browser.get(`${ACCOUNT}/passkeys/new`);
    const empty = await browser.submit(form, { name: '' });
    expect([empty.status, empty.text.includes('Please fix 2 problems')]).toEqual([422, true]);
    const authenticator = newAuthenticator(mir.ctx.config.publicUrl);
    const foreign = authenticator.create({ challenge: 'AAAA' });
    const rejected = await respond(browser, empty, foreign, { name: 'Phone' });
    expect([rejected.status, rejected.text.includes('does not fit the challenge')]).toEqual([422, true]);
    const added = await respond(browser, rejected, authenticator.create(optionsOf(rejected)), { name: 'Phone' });
    expect(added.text).toContain('The passkey is added');
  });

  it('of another account are neither shown nor removed', async () => {
    const owner = await loggedIn();
    const authenticator = newAuthenticator(mir.ctx.config.publicUrl);
    await addPasskey(owner.browser, authenticator, 'Mine');
    const [mine] = await mir.ctx.store.passkeys.of(owner.staffId);
    const { browser } = await loggedIn();
    const path = `${ACCOUNT}/passkeys/remove`;
    expect((await browser.get(`${path}?passkey=${mine!._id}`)).status).toBe(404);
    const token = (await browser.get(ACCOUNT)).root.querySelector('input[name=form_token]')!.getAttribute('value')!;
    expect((await browser.post(path, { form_token: token, passkey: mine!._id })).status).toBe(404);
    expect(await mir.ctx.store.passkeys.of(owner.staffId)).toHaveLength(1);
  });

  it('do not start from another site, whose visitors would otherwise use up their attempts', async () => {
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect((await anonymousSession(mir).get('/portal/login/passkey', headers)).path).toBe('/portal/login');
  });

  it('need scripts from our own origin, without which their buttons are hidden', async () => {
    const page = await anonymousSession(mir).get('/portal/login');
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    expect(page.root.querySelector('[data-with-passkeys]')!.hasAttribute('hidden')).toBe(true);
    const scripts = page.root.querySelectorAll('script');
    expect(scripts.map((script) => [script.text, script.hasAttribute('defer')])).toEqual([['', true]]);
    const served = await fetch(mir.url + scripts[0]!.getAttribute('src')!);
    expect([served.status, served.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
    const forgot = await anonymousSession(mir).get('/portal/forgot');
    expect(forgot.headers.get('content-security-policy')).not.toContain('script-src');
  });
});

describe('sensitive changes', () => {
  it.each([`${ACCOUNT}/second-factor`, `${ACCOUNT}/passkeys/new`])(
    'need a recent log-in, and continue after the confirmation: %s',
    async (path) => {
      const { browser, staffId } = await loggedIn();
      await ageLogIn(staffId);
      const confirm = await browser.get(path);
      expect(confirm.path).toContain('/portal/confirm');
      expect((await browser.submit(confirm, { password: PASSWORD })).path).toBe(path);
    },
  );

  it('are made by a form that was posted too late only after the confirmation', async () => {
    const { browser, staffId } = await loggedIn();
    const form = await browser.get(`${ACCOUNT}/second-factor`);
    await ageLogIn(staffId);
    const confirm = await browser.submit(form, { password: PASSWORD });
    expect([confirm.status, confirm.root.querySelector('h1')!.text]).toEqual([403, 'Confirm that it’s you']);
    expect(confirm.html).not.toContain(PASSWORD);
    expect(await mir.ctx.store.staffSecondFactors.model.countDocuments({ userId: staffId })).toBe(0);
    expect((await browser.submit(confirm, { password: PASSWORD })).text).toContain('Connect your app');
  });
});

describe('sessions', () => {
  it('end one by one, and never those of another account', async () => {
    const { browser, staffId } = await loggedIn();
    const there = await staffBrowser(mir, staffId);
    const stranger = await loggedIn();
    const [theirs] = await mir.ctx.store.staffSessions.ofStaff(stranger.staffId);
    const list = await browser.get(`${ACCOUNT}/sessions`);
    const end = (session: string): Promise<VisitedPage> =>
      browser.submit(list, { session }, { action: `${ACCOUNT}/sessions/end` });
    await end(theirs!._id);
    expect((await stranger.browser.get('/portal')).path).toBe('/portal');
    const other = (await mir.ctx.store.staffSessions.ofStaff(staffId)).find(({ userAgent }) => !userAgent);
    expect((await end(other!._id)).text).toContain('The session has ended');
    expect((await there.get('/portal')).path).toBe('/portal/login');
    expect((await browser.get('/portal')).path).toBe('/portal');
  });
});

describe('the password', () => {
  it('is changed with a link that the page sends', async () => {
    const { browser, email } = await loggedIn();
    const security = await browser.get(`${ACCOUNT}/security`);
    const sent = await browser.submit(security, {}, { action: `${ACCOUNT}/password` });
    expect(sent.text).toContain('We’ve sent you an email with a link');
    expect(await mailedLink(mir, email, /new password/)).toMatch(/^\/portal\/reset\?token=/);
  });
});
