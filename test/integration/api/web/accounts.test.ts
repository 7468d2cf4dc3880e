import { describe, expect, it } from '@jest/globals';
import type { Harness } from '../../../support/harness';
import {
  confirmedAccount,
  logIn,
  loggedIn,
  mailedLink,
  PASSWORD,
  signedInAs,
  anonymousSession,
} from '../../../support/people';
import type { BrowserSession } from '../../../support/browser-session';
import { beforeEachVisitor } from './visitors';

let h: Harness;
let email: string;
let ana: BrowserSession;
beforeEachVisitor((visitor) => {
  ({ h, email, session: ana } = visitor);
});

const SESSION = 'mir_session';

describe('sign-up, login and logout', () => {
  it('starts a session after sign-up, email confirmation and login, and ends it on logout', async () => {
    const sent = await ana.submit(await ana.get('/signup'), { email });
    expect(sent.text).toContain(`We sent an email to ${email}`);
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

  it('does not confirm an account when an email scanner opens the link, which still works afterward', async () => {
    await ana.submit(await ana.get('/signup'), { email });
    const link = await mailedLink(h, email, /Confirm/);
    expect((await anonymousSession(h).get(link)).status).toBe(200);
    expect(await h.ctx.store.identities.byEmail(email)).toMatchObject({ emailVerified: false });
    expect((await ana.submit(await ana.get(link), { password: PASSWORD })).path).toBe('/login?done=confirmed');
  });

  it('redirects to the requested page after sign-up, email confirmation and login, even on another device', async () => {
    const next = '/link/abcdefghijklmnopqrstuvwx';
    await ana.submit(await ana.get(`/signup?next=${encodeURIComponent(next)}`), { email });
    const link = await mailedLink(h, email, /Confirm/);
    // The person opens the email on another device.
    const phone = anonymousSession(h);
    const confirmed = await phone.submit(await phone.get(link), { password: PASSWORD });
    expect((await phone.submit(confirmed, { email, password: PASSWORD })).path).toBe(next);
  });

  it('redisplays an invalid form with errors in a summary and next to each field, and keeps the email address', async () => {
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

  it.each(['/verify', '/reset'])('reports that an invalid %s link no longer works', async (path) => {
    for (const query of ['?token=not-a-token', '?token=a.b.c', '?token=', '']) {
      const page = await ana.get(path + query);
      expect([page.status, page.text.includes('no longer works')]).toEqual([410, true]);
    }
  });

  it('resends the confirmation email with a working link', async () => {
    const sent = await ana.submit(await ana.get('/signup'), { email });
    await mailedLink(h, email, /Confirm/);
    await h.ctx.store.outboxMails.model.deleteMany({ to: email });
    await ana.submit(sent, {}, { action: '/verify/resend' });
    const form = await ana.get(await mailedLink(h, email, /Confirm/));
    const confirmed = await ana.submit(form, { password: PASSWORD });
    expect((await ana.submit(confirmed, { email, password: PASSWORD })).path).toBe('/account');
  });
});

describe('password reset', () => {
  it('replaces the password through an emailed link that works once, and ends all sessions', async () => {
    const elsewhere = await loggedIn(h, email);
    await ana.submit(await ana.get('/forgot'), { email });
    const link = await mailedLink(h, email, /new password/);
    const form = await ana.get(link);
    const done = await ana.submit(form, { password: 'a new password, long' });
    expect(done.path).toBe('/login?done=password');
    expect(signedInAs(await elsewhere.get('/outbox'))).toBeNull();
    expect((await ana.submit(form, { password: 'yet another password' })).status).toBe(410);
    expect((await logIn(ana, email)).text).toContain('No account has this email address and password');
    expect((await logIn(ana, email, 'a new password, long')).path).toBe('/account');
  });

  it('asks for another password when the new one is too short, and keeps the link valid', async () => {
    await confirmedAccount(h, email);
    await ana.submit(await ana.get('/forgot'), { email });
    const again = await ana.submit(await ana.get(await mailedLink(h, email, /new password/)), { password: 'short' });
    expect(again.status).toBe(422);
    expect((await ana.submit(again, { password: 'a new password, long' })).path).toBe('/login?done=password');
  });
});

describe('protection against account enumeration', () => {
  const wordsOf = (text: string): string => text.replaceAll(/person-\d+@example.org/g, 'X');

  it('shows the same sign-up page for known and new addresses, and emails the owner of a known address', async () => {
    await confirmedAccount(h, email);
    const stranger = anonymousSession(h);
    const known = await stranger.submit(await stranger.get('/signup'), { email });
    const fresh = await stranger.submit(await stranger.get('/signup'), { email: `new-${email}` });
    expect([known.status, wordsOf(known.text)]).toEqual([fresh.status, wordsOf(fresh.text.replace('new-', ''))]);
    await mailedLink(h, email, /already have/);
  });

  it('shows the same login page for a wrong password as for an unknown address', async () => {
    await confirmedAccount(h, email);
    const wrong = await logIn(ana, email, 'not this password');
    const unknown = await logIn(ana, `un-${email}`, 'not this password');
    expect([wrong.status, wrong.text]).toEqual([unknown.status, unknown.text]);
  });

  it.each(['/forgot', '/verify/resend'])(
    'shows the same page at %s for both known and unknown addresses',
    async (path) => {
      await confirmedAccount(h, email);
      const known = await ana.submit(await ana.get(path), { email });
      const unknown = await ana.submit(await ana.get(path), { email: `un-${email}` });
      expect([known.status, wordsOf(known.text)]).toEqual([unknown.status, wordsOf(unknown.text.replace('un-', ''))]);
    },
  );
});
