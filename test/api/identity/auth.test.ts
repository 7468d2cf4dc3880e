import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuthMail } from '../../../api/identity/better-auth';
import { type Harness, startHarness } from '../../support/harness';
import { waitUntil } from '../../support/wait-until';

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

const tokenOf = (mail: AuthMail | null): string => (mail as { token: string }).token;

async function verified(): Promise<void> {
  expect(await h.ctx.auth.verify(tokenOf(await h.ctx.auth.signUp(email, PASSWORD)))).toBe('VERIFIED');
}

async function cookieOfLogIn(password = PASSWORD): Promise<string> {
  const answer = await h.ctx.auth.logIn(email, password);
  if (typeof answer === 'string') throw new Error(answer);
  return answer.cookies.map((cookie) => cookie.split(';')[0]).join('; ');
}

const hashes = async (): Promise<number> =>
  (await h.ctx.metrics.passwordHashes.get()).values.reduce((sum, { value }) => sum + value, 0);

describe("people's accounts", () => {
  it('lets nobody in before the address is confirmed, then everybody with the password', async () => {
    const { auth } = h.ctx;
    const mail = await auth.signUp(email.toUpperCase(), PASSWORD);
    expect(mail).toMatchObject({ kind: 'VERIFY', to: email });
    expect(await auth.logIn(email, PASSWORD)).toBe('UNVERIFIED');
    expect(await auth.verify(tokenOf(mail))).toBe('VERIFIED');
    expect(await auth.logIn(email, 'another password')).toBe('WRONG');
    const { session } = await auth.readSession(await cookieOfLogIn());
    expect(session).toEqual({
      identityId: expect.stringMatching(/^idn_/),
      sessionId: expect.stringMatching(/^ses_/),
      email,
      emailVerified: true,
    });
  });

  it('tells a known address from a new one by mail only', async () => {
    await verified();
    expect(await h.ctx.auth.signUp(email, 'the password of a stranger')).toEqual({
      kind: 'ALREADY_SIGNED_UP',
      to: email,
    });
    expect(await h.ctx.auth.logIn(email, 'the password of a stranger')).toBe('WRONG');
  });

  it('forgets the password of whoever signed up an address first but never confirmed it', async () => {
    const { auth } = h.ctx;
    const first = await auth.signUp(email, 'the password of a stranger');
    const second = await auth.signUp(email, PASSWORD);
    expect(await auth.verify(tokenOf(first))).toBe('INVALID');
    expect(await auth.verify(tokenOf(second))).toBe('VERIFIED');
    expect(await auth.logIn(email, 'the password of a stranger')).toBe('WRONG');
    expect(await cookieOfLogIn()).toContain('mir_session=');
  });

  it('makes one identity of sign-ups of one address at the same moment', async () => {
    const mails = await Promise.all(
      Array.from({ length: 8 }, () => h.ctx.auth.signUp(email, PASSWORD).catch(() => null)),
    );
    expect(await h.ctx.store.identities.model.countDocuments({ email })).toBe(1);
    const outcomes = await Promise.all(
      mails.map(async (mail) => (mail?.kind === 'VERIFY' ? h.ctx.auth.verify(mail.token) : 'NO_MAIL')),
    );
    expect(outcomes).toContain('VERIFIED');
    expect(await h.ctx.store.identities.model.countDocuments({ email, emailVerified: true })).toBe(1);
  });

  it('stores neither password, session token nor mailed token as they are', async () => {
    const { auth, store } = h.ctx;
    await verified();
    const cookie = await cookieOfLogIn();
    const token = /mir_session=([^.]+)/.exec(cookie)![1]!;
    const reset = tokenOf(await auth.askReset(email));
    const { sessionId } = (await auth.readSession(cookie)).session!;
    const row = await store.identitySessions.model.findById(sessionId).lean();
    expect(row!.token).toBe(createHash('sha256').update(token).digest('base64url'));
    const collections = await store.connection.db!.collections();
    const rows = JSON.stringify(await Promise.all(collections.map((collection) => collection.find().toArray())));
    for (const secret of [PASSWORD, token, reset]) expect(rows).not.toContain(secret);
  });

  it('ends all sessions at a reset, whose link works once', async () => {
    const { auth } = h.ctx;
    await verified();
    const cookie = await cookieOfLogIn();
    const reset = tokenOf(await auth.askReset(email));
    expect(await auth.reset(reset, 'a new password, long')).toBe('DONE');
    expect((await auth.readSession(cookie)).session).toBeNull();
    expect(await auth.logIn(email, PASSWORD)).toBe('WRONG');
    expect(await auth.reset(reset, 'yet another password')).toBe('INVALID');
    expect(await cookieOfLogIn('a new password, long')).toContain('mir_session=');
  });

  it('lets nobody stay by the old password whose log-in was under way at a reset', async () => {
    const { auth, store } = h.ctx;
    await verified();
    const { _id: identityId } = (await store.identities.byEmail(email))!;
    const token = tokenOf(await auth.askReset(email));
    const before = await hashes();
    // These keep the reset waiting for its turn, so that the later ones have read the old password before it is gone.
    const earlier = Array.from({ length: 8 }, () => auth.logIn(email, PASSWORD));
    await waitUntil('all wait for their turn', async () => (await hashes()) === before + 8);
    const reset = auth.reset(token, 'a new password, long');
    await waitUntil('the reset waits for its turn', async () => (await hashes()) === before + 9);
    const later = Array.from({ length: 8 }, () => auth.logIn(email, PASSWORD));
    expect(await reset).toBe('DONE');
    await Promise.all(earlier);
    // The first of them may have been let in a moment before the reset, which then ended its session.
    expect(await Promise.all(later)).toContain('WRONG');
    expect(await store.identitySessions.model.countDocuments({ userId: identityId })).toBe(0);
  });

  it('ends the other mailed links at a reset', async () => {
    const { auth } = h.ctx;
    await verified();
    const [first, second] = [tokenOf(await auth.askReset(email)), tokenOf(await auth.askReset(email))];
    expect(await auth.reset(second, 'a new password, long')).toBe('DONE');
    expect(await auth.reset(first, 'yet another password')).toBe('INVALID');
  });

  it('ends a session in the store at log-out', async () => {
    const { auth, store } = h.ctx;
    await verified();
    const cookie = await cookieOfLogIn();
    const { sessionId } = (await auth.readSession(cookie)).session!;
    await auth.logOut(cookie);
    expect(await store.identitySessions.model.findById(sessionId)).toBeNull();
    expect((await auth.readSession(cookie)).session).toBeNull();
  });

  it('asks nobody for anything when the address is not known', async () => {
    expect(await h.ctx.auth.askReset(email)).toBeNull();
    expect(await h.ctx.auth.askVerification(email)).toBeNull();
  });

  it('makes no index beside those that were prepared', async () => {
    await verified();
    const named = async (collection: string) =>
      (await h.ctx.store.connection.collection(collection).indexes()).map(({ name }) => String(name)).sort();
    expect(await named('identities')).toEqual(['_id_', 'emailVerified_1_createdAt_1', 'identities_email_uidx']);
    expect(await named('identity_sessions')).toEqual([
      '_id_',
      'expiresAt_1',
      'identity_sessions_token_uidx',
      'identity_sessions_userId_idx',
    ]);
  });
});
