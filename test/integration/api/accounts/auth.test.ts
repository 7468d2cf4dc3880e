import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { PersonMail } from '../../../../shared/store/queued-mails';
import { RESET_LINK_MINUTES, VERIFY_LINK_HOURS } from '../../../../shared/domain/mailed-link';
import { prepareMail } from '../../../../workers/mails/prepare-mail';
import { type Harness, startHarness } from '../../../support/harness';
import { tokenIn } from '../../../support/people';
import { waitUntil } from '../../../support/wait-until';

const PASSWORD = 'correct horse battery';
let h: Harness;
let people = 0;
let email: string;

beforeAll(async () => {
  h = await startHarness({ workers: false });
});
afterAll(() => h.close());
beforeEach(() => {
  email = `person-${(people += 1)}@example.org`;
});

const tokenOf = (mail: PersonMail | null): Promise<string> => tokenIn(h, mail);

async function signUpAndVerify(): Promise<void> {
  expect(await h.ctx.auth.reset(await tokenOf(await h.ctx.auth.signUp(email)), PASSWORD)).toBe('DONE');
}

async function logInCookie(password = PASSWORD): Promise<string> {
  const result = await h.ctx.auth.logIn(email, password);
  if (typeof result === 'string') throw new Error(result);
  return result.cookies.map((cookie) => cookie.split(';')[0]).join('; ');
}

describe('MIR accounts', () => {
  it('stores a password only when it is set through the emailed sign-up link, which also confirms the address', async () => {
    const { auth, store } = h.ctx;
    const { identityId: userId } = await auth.signUp(email.toUpperCase());
    expect(await store.identities.byEmail(email)).toMatchObject({ _id: userId, emailVerified: false });
    expect(await store.identityAccounts.model.countDocuments({ userId })).toBe(0);
    const token = await tokenOf({ identityId: userId, reason: 'SIGN_UP' });
    expect(await auth.ownerOfLink(token)).toBe(email);
    expect(await auth.reset(token, PASSWORD)).toBe('DONE');
    expect(await store.identities.byEmail(email)).toMatchObject({ _id: userId, emailVerified: true });
    expect(await auth.logIn(email, 'another password')).toBe('WRONG');
    const { session } = await auth.readSession(await logInCookie());
    expect(session).toEqual({
      identityId: expect.stringMatching(/^idn_/),
      sessionId: expect.stringMatching(/^ses_/),
      email,
      emailVerified: true,
    });
  });

  it('accepts the links from repeated sign-ups until one of them is used', async () => {
    const { auth } = h.ctx;
    const [first, second] = [await tokenOf(await auth.signUp(email)), await tokenOf(await auth.signUp(email))];
    expect([await auth.ownerOfLink(first), await auth.ownerOfLink(second)]).toEqual([email, email]);
    expect(await auth.reset(first, PASSWORD)).toBe('DONE');
    for (const token of [first, second]) {
      expect(await auth.ownerOfLink(token)).toBeNull();
      expect(await auth.reset(token, 'yet another password')).toBe('INVALID');
    }
    expect(await logInCookie()).toContain('mir_session=');
  });

  it('creates only one identity for concurrent sign-ups with the same address', async () => {
    const mails = await Promise.all(Array.from({ length: 8 }, () => h.ctx.auth.signUp(email)));
    expect(new Set(mails.map(({ identityId }) => identityId)).size).toBe(1);
    expect(await h.ctx.store.identities.model.countDocuments({ email })).toBe(1);
    expect(await h.ctx.auth.reset(await tokenOf(mails[3]!), PASSWORD)).toBe('DONE');
    expect(await h.ctx.store.identities.model.countDocuments({ email, emailVerified: true })).toBe(1);
  });

  it.each([
    ['sign-up', VERIFY_LINK_HOURS * 60, () => h.ctx.auth.signUp(email)],
    ['password reset', RESET_LINK_MINUTES, () => signUpAndVerify().then(() => h.ctx.auth.askReset(email))],
  ])('expires the %s link after %d minutes', async (_name, minutes, requestLink) => {
    const { auth, store } = h.ctx;
    const before = Date.now();
    const token = await tokenOf(await requestLink());
    const { model } = store.identityVerifications;
    const { _id: value } = (await store.identities.byEmail(email))!;
    const { expiresAt } = (await model.findOne({ value }).lean())!;
    const lifetimeMs = minutes * 60_000;
    expect(expiresAt.getTime()).toBeGreaterThanOrEqual(before + lifetimeMs);
    expect(expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + lifetimeMs);
    await model.updateOne({ value }, { $set: { expiresAt: new Date(Date.now() - 1) } });
    expect(await auth.ownerOfLink(token)).toBeNull();
    expect(await auth.reset(token, PASSWORD)).toBe('INVALID');
  });

  it('does not store passwords, session tokens or emailed tokens in plain text', async () => {
    const { auth, store } = h.ctx;
    await signUpAndVerify();
    const cookie = await logInCookie();
    const token = /mir_session=([^.]+)/.exec(cookie)![1]!;
    const reset = await tokenOf(await auth.askReset(email));
    const signUp = await tokenOf(await auth.signUp(`new-${email}`));
    const { sessionId } = (await auth.readSession(cookie)).session!;
    const row = await store.identitySessions.model.findById(sessionId).lean();
    expect(row!.token).toBe(createHash('sha256').update(token).digest('base64url'));
    const collections = await store.connection.db!.collections();
    const rows = JSON.stringify(await Promise.all(collections.map((collection) => collection.find().toArray())));
    for (const secret of [PASSWORD, token, reset, signUp]) expect(rows).not.toContain(secret);
  });

  it('ends all sessions on a password reset and accepts the reset link only once', async () => {
    const { auth } = h.ctx;
    await signUpAndVerify();
    const cookie = await logInCookie();
    const reset = await tokenOf(await auth.askReset(email));
    expect(await auth.reset(reset, 'a new password, long')).toBe('DONE');
    expect((await auth.readSession(cookie)).session).toBeNull();
    expect(await auth.logIn(email, PASSWORD)).toBe('WRONG');
    expect(await auth.reset(reset, 'yet another password')).toBe('INVALID');
    expect(await logInCookie('a new password, long')).toContain('mir_session=');
  });

  it('does not leave a session behind when a login with the old password overlaps a password reset', async () => {
    const { auth, store } = h.ctx;
    await signUpAndVerify();
    const { _id: identityId } = (await store.identities.byEmail(email))!;
    const token = await tokenOf(await auth.askReset(email));
    // Each client keeps logging in until the reset changes the password, so several logins overlap the reset.
    let successes = 0;
    const clients = Array.from({ length: 8 }, async () => {
      while ((await auth.logIn(email, PASSWORD)) !== 'WRONG') successes += 1;
    });
    await waitUntil('there are at least as many logins as clients', () => successes >= clients.length);
    expect(await auth.reset(token, 'a new password, long')).toBe('DONE');
    await Promise.all(clients);
    expect(await store.identitySessions.model.countDocuments({ userId: identityId })).toBe(0);
  });

  it('invalidates all other emailed links on a password reset', async () => {
    const { auth } = h.ctx;
    await signUpAndVerify();
    const [first, second] = [await tokenOf(await auth.askReset(email)), await tokenOf(await auth.askReset(email))];
    expect(await auth.reset(second, 'a new password, long')).toBe('DONE');
    expect(await auth.reset(first, 'yet another password')).toBe('INVALID');
  });

  it('deletes the session from the database on logout', async () => {
    const { auth, store } = h.ctx;
    await signUpAndVerify();
    const cookie = await logInCookie();
    const { sessionId } = (await auth.readSession(cookie)).session!;
    await auth.logOut(cookie);
    expect(await store.identitySessions.model.findById(sessionId)).toBeNull();
    expect((await auth.readSession(cookie)).session).toBeNull();
  });

  it('does not send the emails that are still queued when a password is set', async () => {
    const { auth, store } = h.ctx;
    const token = await tokenOf(await auth.signUp(email));
    await store.queuedMails.insert({ _id: `mail_${email}`, ...(await auth.askReset(email))! }, new Date());
    expect(await auth.reset(token, PASSWORD)).toBe('DONE');
    expect(await prepareMail(h.ctx, `mail_${email}`)).toBeNull();
  });

  it('does not send an email when a reset is requested for an unknown address', async () => {
    expect(await h.ctx.auth.askReset(email)).toBeNull();
  });

  it('creates only the declared indexes', async () => {
    await signUpAndVerify();
    const indexNames = async (collection: string) =>
      (await h.ctx.store.connection.collection(collection).indexes()).map(({ name }) => String(name)).sort();
    expect(await indexNames('identities')).toEqual(['_id_', 'emailVerified_1_createdAt_1', 'identities_email_uidx']);
    expect(await indexNames('identity_sessions')).toEqual([
      '_id_',
      'expiresAt_1',
      'identity_sessions_token_uidx',
      'identity_sessions_userId_idx',
    ]);
  });
});
