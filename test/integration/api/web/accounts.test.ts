import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../../support/harness';
import {
  logIn,
  loggedIn,
  mailedLink,
  PASSWORD,
  signedInAs,
  signUpAndConfirm,
  anonymousSession,
  startHarnessForPeople,
} from '../../../support/people';
import type { BrowserSession } from '../../../support/browser-session';

let h: Harness;
let people = 0;
let email: string;
let ana: BrowserSession;

beforeAll(async () => {
  h = await startHarnessForPeople();
});
afterAll(() => h.close());
beforeEach(() => {
  email = `person-${(people += 1)}@example.org`;
  ana = anonymousSession(h);
});

const SESSION = 'mir_session';

describe('from sign-up to log-out', () => {
  it('leads from the form over the mail and its button to a session, and back out', async () => {
    const sent = await ana.submit(await ana.get('/signup'), { email });
    expect(sent.text).toContain(`We wrote to ${email}`);
    const form = await ana.get(await mailedLink(h, email, /Confirm/));
    expect(form.text).toContain(`This confirms ${email}`);
    const confirmed = await ana.submit(form, { password: PASSWORD });
    expect(confirmed.path).toBe('/login?done=confirmed');
    expect(ana.cookies.has(SESSION)).toBe(false);
    const home = await ana.submit(confirmed, { email, password: PASSWORD });
    expect(home.path).toBe('/account');
    const outbox = await ana.get('/outbox');
    expect(signedInAs(outbox)).toBe(email);
    const old = ana.cookies.get(SESSION)!;
    const out = await ana.submit(outbox, {}, { action: '/logout' });
    expect(out.path).toBe('/login?done=out');
    expect(ana.cookies.has(SESSION)).toBe(false);
    ana.cookies.set(SESSION, old);
    expect(signedInAs(await ana.get('/outbox'))).toBeNull();
  });

  it('confirms nothing when a mail scanner opens the link, which then still works', async () => {
    await ana.submit(await ana.get('/signup'), { email });
    const link = await mailedLink(h, email, /Confirm/);
    expect((await anonymousSession(h).get(link)).status).toBe(200);
    expect(await h.ctx.store.identities.byEmail(email)).toMatchObject({ emailVerified: false });
    expect((await ana.submit(await ana.get(link), { password: PASSWORD })).path).toBe('/login?done=confirmed');
  });

  it('takes a person to where they wanted to go: over sign-up, mail, button and log-in', async () => {
    const next = '/link/abcdefghijklmnopqrstuvwx';
    await ana.submit(await ana.get(`/signup?next=${encodeURIComponent(next)}`), { email });
    const link = await mailedLink(h, email, /Confirm/);
    // The mail may be opened on another device.
    const phone = anonymousSession(h);
    const confirmed = await phone.submit(await phone.get(link), { password: PASSWORD });
    expect((await phone.submit(confirmed, { email, password: PASSWORD })).path).toBe(next);
  });

  it('shows a form again with all that is wrong with it, beside the fields and above, and keeps the address', async () => {
    const page = await ana.submit(await ana.get('/login'), { email: 'ana', password: '' });
    expect(page.status).toBe(422);
    expect(page.root.querySelectorAll('[role=alert] li')).toHaveLength(2);
    expect(page.root.querySelector('title')!.text).toBe('Error: Log in · MIR');
    for (const name of ['email', 'password']) {
      const input = page.root.querySelector(`#${name}`)!;
      expect(input.getAttribute('aria-invalid')).toBe('true');
      expect(page.root.querySelector(`#${name}-error`)!.text).not.toBe('');
      expect(input.getAttribute('aria-describedby')).toContain(`${name}-error`);
    }
    expect(page.root.querySelector('#email')!.getAttribute('value')).toBe('ana');
    expect(page.root.querySelector('#password')!.getAttribute('value')).toBeUndefined();
  });

  it.each(['/verify', '/reset'])('says of a %s link that is not one of ours that it no longer works', async (path) => {
    for (const query of ['?token=not-a-token', '?token=a.b.c', '?token=', '']) {
      const page = await ana.get(path + query);
      expect([page.status, page.text.includes('no longer works')]).toEqual([410, true]);
    }
  });

  it('sends the mail again, with a link that works', async () => {
    const sent = await ana.submit(await ana.get('/signup'), { email });
    await mailedLink(h, email, /Confirm/);
    await h.ctx.store.outboxMails.model.deleteMany({ to: email });
    await ana.submit(sent, {}, { action: '/verify/resend' });
    const form = await ana.get(await mailedLink(h, email, /Confirm/));
    const confirmed = await ana.submit(form, { password: PASSWORD });
    expect((await ana.submit(confirmed, { email, password: PASSWORD })).path).toBe('/account');
  });
});

describe('a forgotten password', () => {
  it('is replaced by a mailed link that works once, and all sessions end', async () => {
    const elsewhere = await loggedIn(h, email);
    await ana.submit(await ana.get('/forgot'), { email });
    const link = await mailedLink(h, email, /new password/);
    const form = await ana.get(link);
    const done = await ana.submit(form, { password: 'a new password, long' });
    expect(done.path).toBe('/login?done=password');
    expect(signedInAs(await elsewhere.get('/outbox'))).toBeNull();
    expect((await ana.submit(form, { password: 'yet another password' })).status).toBe(410);
    expect((await logIn(ana, email)).text).toContain('No account has this e-mail address and password');
    expect((await logIn(ana, email, 'a new password, long')).path).toBe('/account');
  });

  it('is asked again when the new one is too short, with the link still good', async () => {
    await signUpAndConfirm(h, ana, email);
    await ana.submit(await ana.get('/forgot'), { email });
    const again = await ana.submit(await ana.get(await mailedLink(h, email, /new password/)), { password: 'short' });
    expect(again.status).toBe(422);
    expect((await ana.submit(again, { password: 'a new password, long' })).path).toBe('/login?done=password');
  });
});

describe('who has an account is not told', () => {
  const wordsOf = (text: string): string => text.replaceAll(/person-\d+@example.org/g, 'X');

  it('by sign-up: a known address is answered like a new one, and its owner gets a mail', async () => {
    await signUpAndConfirm(h, ana, email);
    const stranger = anonymousSession(h);
    const known = await stranger.submit(await stranger.get('/signup'), { email });
    const fresh = await stranger.submit(await stranger.get('/signup'), { email: `new-${email}` });
    expect([known.status, wordsOf(known.text)]).toEqual([fresh.status, wordsOf(fresh.text.replace('new-', ''))]);
    await mailedLink(h, email, /already have/);
  });

  it('by log-in: a wrong password and an unknown address are answered alike', async () => {
    await signUpAndConfirm(h, ana, email);
    const wrong = await logIn(ana, email, 'not this password');
    const unknown = await logIn(ana, `un-${email}`, 'not this password');
    expect([wrong.status, wrong.text]).toEqual([unknown.status, unknown.text]);
  });

  it.each(['/forgot', '/verify/resend'])('by %s', async (path) => {
    await signUpAndConfirm(h, ana, email);
    const known = await ana.submit(await ana.get(path), { email });
    const unknown = await ana.submit(await ana.get(path), { email: `un-${email}` });
    expect([known.status, wordsOf(known.text)]).toEqual([unknown.status, wordsOf(unknown.text.replace('un-', ''))]);
  });
});
