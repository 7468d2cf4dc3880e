import { describe, expect, it } from '@jest/globals';
import { CSRF_TOKEN_FIELD } from '../../../../api/web/design/form';
import type { Harness } from '../../../support/harness';
import {
  earlierSignUp,
  logIn,
  loggedIn,
  mailedLink,
  PASSWORD,
  signUpAndConfirm,
  anonymousSession,
} from '../../../support/people';
import type { BrowserSession } from '../../../support/browser-session';
import { waitUntil } from '../../../support/wait-until';
import { beforeEachVisitor } from './visitors';

const ATTACKERS_PASSWORD = 'the password of the attacker';

let h: Harness;
let email: string;
let owner: BrowserSession;
let attacker: BrowserSession;
beforeEachVisitor((visitor) => {
  ({ h, email, session: owner } = visitor);
  attacker = anonymousSession(h);
});

/** Waits until the outbox contains this many emails to the owner. Returns their links, newest first. */
async function mailedLinks(count: number): Promise<string[]> {
  const { outboxMails } = h.ctx.store;
  await waitUntil(`${count} emails are in the outbox`, async () => {
    return (await outboxMails.model.countDocuments({ to: email })) === count;
  });
  const mails = await outboxMails.model.find({ to: email }).sort({ createdAt: -1 }).lean();
  return mails.map(({ text }) => {
    const { pathname, search } = new URL(/https?:\/\/\S+/.exec(text)![0]);
    return pathname + search;
  });
}

/** Posts the sign-up form with a password, although the form has no password field. */
async function signUpWithPassword(webSession: BrowserSession): Promise<void> {
  const form = await webSession.get('/signup');
  const token = form.root.querySelector(`main input[name=${CSRF_TOKEN_FIELD}]`)!.getAttribute('value')!;
  const sent = { email, password: ATTACKERS_PASSWORD, [CSRF_TOKEN_FIELD]: token };
  expect((await webSession.post('/signup', sent, { origin: h.url })).status).toBe(200);
}

const setPassword = async (link: string) => owner.submit(await owner.get(link), { password: PASSWORD });

describe("sign-up with another person's email address", () => {
  describe('by an attacker', () => {
    it("does not accept the attacker's password when the owner signed up first", async () => {
      await owner.submit(await owner.get('/signup'), { email });
      await mailedLinks(1);
      await signUpWithPassword(attacker);
      const [newest] = await mailedLinks(2);
      expect((await logIn(attacker, email, ATTACKERS_PASSWORD)).status).toBe(422);
      expect((await setPassword(newest!)).path).toBe('/login?done=confirmed');
      expect((await logIn(attacker, email, ATTACKERS_PASSWORD)).status).toBe(422);
      expect((await logIn(owner, email)).path).toBe('/account');
    });

    it('keeps every emailed link valid until one is used, even when the attacker signed up first', async () => {
      await signUpWithPassword(attacker);
      await mailedLinks(1);
      await owner.submit(await owner.get('/signup'), { email });
      const [newest, oldest] = await mailedLinks(2);
      expect((await owner.get(newest!)).status).toBe(200);
      expect((await setPassword(oldest!)).path).toBe('/login?done=confirmed');
      for (const link of [newest!, oldest!]) expect((await owner.get(link)).status).toBe(410);
      expect((await logIn(owner, email)).path).toBe('/account');
      expect((await logIn(attacker, email, ATTACKERS_PASSWORD)).status).toBe(422);
    });

    it("does not log in the attacker's browser when the owner sets a password", async () => {
      await signUpWithPassword(attacker);
      await setPassword((await mailedLinks(1))[0]!);
      expect((await attacker.get('/account')).path).toMatch(/^\/login/);
    });

    it("replaces an attacker's password that an earlier version stored", async () => {
      await earlierSignUp(h, email, ATTACKERS_PASSWORD);
      expect((await logIn(attacker, email, ATTACKERS_PASSWORD)).text).toContain('not confirmed yet');
      await owner.submit(await owner.get('/signup'), { email });
      await setPassword((await mailedLinks(1))[0]!);
      expect((await logIn(attacker, email, ATTACKERS_PASSWORD)).text).toContain('No account has this');
      expect((await logIn(owner, email)).path).toBe('/account');
    });

    it('rejects a link that an earlier version emailed, and offers a new link', async () => {
      await earlierSignUp(h, email, ATTACKERS_PASSWORD);
      const { createEmailVerificationToken } = await import('better-auth/api');
      const link = `/verify?token=${await createEmailVerificationToken(h.ctx.secrets.identity, email)}`;
      const gone = await owner.get(link);
      expect([gone.status, gone.html.includes('href="/verify/resend"')]).toEqual([410, true]);
      const current = await owner.get('/login');
      const csrfToken = current.root.querySelector(`main input[name=${CSRF_TOKEN_FIELD}]`)!.getAttribute('value')!;
      const token = new URL(link, h.url).searchParams.get('token')!;
      const sent = { token, password: PASSWORD, [CSRF_TOKEN_FIELD]: csrfToken };
      expect((await owner.post('/verify', sent, { origin: h.url })).status).toBe(410);
      expect(await h.ctx.store.identities.byEmail(email)).toMatchObject({ emailVerified: false });
    });

    it('keeps the password and sessions of a confirmed account and emails its owner', async () => {
      owner = await loggedIn(h, email);
      await h.ctx.store.outboxMails.model.deleteMany({ to: email });
      for (const path of ['/signup', '/verify/resend']) {
        await attacker.submit(await attacker.get(path), { email });
        expect(await mailedLink(h, email, /already have a MIR account/)).toBe('/login');
        await h.ctx.store.outboxMails.model.deleteMany({ to: email });
      }
      expect((await owner.get('/account')).path).toBe('/account');
      expect((await logIn(anonymousSession(h), email)).path).toBe('/account');
    });
  });

  it("shows the account's address on the page behind an emailed link, so people can check the address", async () => {
    await signUpAndConfirm(h, attacker, email);
    await attacker.submit(await attacker.get('/forgot'), { email });
    const page = await owner.get(await mailedLink(h, email, /new password/));
    expect(page.text).toContain(`This sets a new password for ${email}`);
  });
});
