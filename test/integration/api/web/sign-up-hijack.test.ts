import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
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
  startHarnessForPeople,
} from '../../../support/people';
import type { BrowserSession } from '../../../support/browser-session';
import { waitUntil } from '../../../support/wait-until';

const ATTACKERS_PASSWORD = 'a password of the attacker';

let h: Harness;
let people = 0;
let email: string;
let owner: BrowserSession;
let attacker: BrowserSession;

beforeAll(async () => {
  h = await startHarnessForPeople();
});
afterAll(() => h.close());
beforeEach(() => {
  email = `owner-${(people += 1)}@example.org`;
  owner = anonymousSession(h);
  attacker = anonymousSession(h);
});

/** The links of all mails to the owner, the newest first, once there are so many. */
async function mailedLinks(count: number): Promise<string[]> {
  const { outboxMails } = h.ctx.store;
  await waitUntil(`${count} mails are in the outbox`, async () => {
    return (await outboxMails.model.countDocuments({ to: email })) === count;
  });
  const mails = await outboxMails.model.find({ to: email }).sort({ createdAt: -1 }).lean();
  return mails.map(({ text }) => {
    const { pathname, search } = new URL(/https?:\/\/\S+/.exec(text)![0]);
    return pathname + search;
  });
}

/** Posts the sign-up form with a password, which it has no field for. */
async function signUpWithPassword(webSession: BrowserSession): Promise<void> {
  const form = await webSession.get('/signup');
  const token = form.root.querySelector(`main input[name=${CSRF_TOKEN_FIELD}]`)!.getAttribute('value')!;
  const sent = { email, password: ATTACKERS_PASSWORD, [CSRF_TOKEN_FIELD]: token };
  expect((await webSession.post('/signup', sent, { origin: h.url })).status).toBe(200);
}

const setPassword = async (link: string) => owner.submit(await owner.get(link), { password: PASSWORD });

describe('signing up with the address of another person', () => {
  describe("an attacker's sign-up for somebody else's address", () => {
    it('after the owner signed up: the newest mail lets its reader choose the password, the attacker chooses none', async () => {
      await owner.submit(await owner.get('/signup'), { email });
      await mailedLinks(1);
      await signUpWithPassword(attacker);
      const [newest] = await mailedLinks(2);
      expect((await logIn(attacker, email, ATTACKERS_PASSWORD)).status).toBe(422);
      expect((await setPassword(newest!)).path).toBe('/login?done=confirmed');
      expect((await logIn(attacker, email, ATTACKERS_PASSWORD)).status).toBe(422);
      expect((await logIn(owner, email)).path).toBe('/account');
    });

    it('before the owner signed up: every mailed link works until one was used', async () => {
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

    it('leaves the attacker’s browser without a session when the owner sets a password', async () => {
      await signUpWithPassword(attacker);
      await setPassword((await mailedLinks(1))[0]!);
      expect((await attacker.get('/account')).path).toMatch(/^\/login/);
    });

    it('stored with its password by an earlier version: the owner’s password replaces it', async () => {
      await earlierSignUp(h, email, ATTACKERS_PASSWORD);
      expect((await logIn(attacker, email, ATTACKERS_PASSWORD)).text).toContain('not confirmed yet');
      await owner.submit(await owner.get('/signup'), { email });
      await setPassword((await mailedLinks(1))[0]!);
      expect((await logIn(attacker, email, ATTACKERS_PASSWORD)).text).toContain('No account has this');
      expect((await logIn(owner, email)).path).toBe('/account');
    });

    it('mailed by an earlier version: its link confirms nothing and offers a new one', async () => {
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

    it('changes nothing of a confirmed account: its password and sessions stay, and the mail says that there is one', async () => {
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

  it('the page of a mailed link names the address, so that no one opens an account of a stranger’s address unseen', async () => {
    await signUpAndConfirm(h, attacker, email);
    await attacker.submit(await attacker.get('/forgot'), { email });
    const page = await owner.get(await mailedLink(h, email, /new password/));
    expect(page.text).toContain(`This sets a new password for ${email}`);
  });
});
