import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startHarness, type Harness } from '../../../support/harness';
import { type OidcServer, oidcServers } from '../../../support/oidc-server';
import {
  confirmedAccount,
  earlierSignUp,
  logIn,
  mailedLink,
  PASSWORD,
  signedInAs,
  signUpAndConfirm,
  anonymousSession,
  startHarnessForPeople,
} from '../../../support/people';
import type { VisitedPage, BrowserSession } from '../../../support/browser-session';

const oidcServer = oidcServers();
let provider: OidcServer;
let h: Harness;
let people = 0;
let email: string;
let ana: BrowserSession;

beforeAll(async () => {
  provider = await oidcServer();
  h = await startHarnessForPeople({
    env: {
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: provider.clientId,
      OIDC_CLIENT_SECRET: provider.clientSecret,
      OIDC_NAME: 'Harbour ID',
    },
  });
});
afterAll(() => h.close());
beforeEach(() => {
  people += 1;
  email = `person-${people}@example.org`;
  ana = anonymousSession(h);
  provider.person = { sub: `sub-${people}`, email, email_verified: true };
  provider.claims = (honest) => honest;
  provider.forges = false;
  provider.withholds = false;
});

/** What the browser is sent back to us with, once it was at the provider. */
async function answerOfProvider(webSession: BrowserSession, next?: string): Promise<string> {
  const page = await webSession.get(next === undefined ? '/login' : `/login?next=${encodeURIComponent(next)}`);
  const link = page.root.querySelectorAll('main a').find((a) => a.textContent === 'Go on with Harbour ID')!;
  const sent = await webSession.get(link.getAttribute('href')!.replaceAll('&amp;', '&'));
  const asked = sent.headers.get('location')!;
  expect(asked.startsWith(`${provider.issuer}/authorize?`)).toBe(true);
  const back = new URL((await fetch(asked, { redirect: 'manual' })).headers.get('location')!);
  expect(back.origin + back.pathname).toBe(`${h.url}/login/oidc/callback`);
  return back.pathname + back.search;
}

const logInByProvider = async (webSession: BrowserSession, next?: string): Promise<VisitedPage> =>
  webSession.get(await answerOfProvider(webSession, next));

describe('logging in through an OpenID Connect provider', () => {
  describe('a log-in by the provider', () => {
    it('makes an identity of a confirmed address, leads to where the person wanted to go, and finds it again', async () => {
      const first = await logInByProvider(ana, '/link');
      expect([first.path, signedInAs(first)]).toEqual(['/link', email]);
      const identity = await h.ctx.store.identities.byEmail(email);
      expect(identity).toMatchObject({ emailVerified: true, name: '' });
      await logInByProvider(anonymousSession(h));
      expect(await h.ctx.store.identities.model.countDocuments({ email })).toBe(1);
    });

    it('keeps nothing of the provider but who the person is there', async () => {
      await logInByProvider(ana);
      const { _id: userId } = (await h.ctx.store.identities.byEmail(email))!;
      const [account, ...others] = await h.ctx.store.identityAccounts.model.find({ userId }).lean();
      expect(others).toEqual([]);
      expect(account).toMatchObject({ providerId: provider.issuer, accountId: `sub-${people}` });
      expect(JSON.stringify(account)).not.toMatch(/an access token|eyJ/);
      const { logIns } = JSON.parse((await ana.get('/account/export')).html);
      expect(logIns).toEqual([{ provider: provider.issuer, subject: `sub-${people}` }]);
    });

    it('opens the identity that the same person has by password, and the password goes on', async () => {
      await signUpAndConfirm(h, anonymousSession(h), email);
      const { _id: before } = (await h.ctx.store.identities.byEmail(email))!;
      await logInByProvider(ana);
      expect((await h.ctx.store.identities.byEmail(email))!._id).toBe(before);
      expect((await logIn(anonymousSession(h), email)).path).toBe('/account');
    });

    it('leaves nothing to who signed up the address but never confirmed it', async () => {
      const stranger = anonymousSession(h);
      await earlierSignUp(h, email, 'the password of a stranger');
      await stranger.submit(await stranger.get('/signup'), { email });
      const link = await mailedLink(h, email, /Confirm/);
      expect(signedInAs(await logInByProvider(ana))).toBe(email);
      expect((await stranger.get(link)).status).toBe(410);
      expect((await logIn(stranger, email, 'the password of a stranger')).status).toBe(422);
    });

    it('makes the browser one of the person’s: wrong passwords of strangers do not keep it from deleting the identity', async () => {
      await logInByProvider(ana);
      for (let n = 0; n < 10; n += 1) await logIn(anonymousSession(h), email, `wrong password ${n}`);
      expect((await logIn(anonymousSession(h), email)).status).toBe(429);
      expect((await ana.submit(await ana.get('/account/delete'), { password: 'wrong' })).status).toBe(422);
    });

    it('ends the session that was there before it', async () => {
      await logInByProvider(ana);
      const before = ana.cookies.get('mir_session')!;
      const answer = await answerOfProvider(anonymousSession(h));
      expect(answer).toContain('code=');
      const again = anonymousSession(h);
      const path = await answerOfProvider(again);
      again.cookies.set('mir_session', before);
      await again.get(path);
      expect(again.cookies.get('mir_session')).not.toBe(before);
      again.cookies.set('mir_session', before);
      expect(signedInAs(await again.get('/outbox'))).toBeNull();
    });
  });

  describe('nobody is let in', () => {
    const rejected = async (page: VisitedPage, webSession = ana): Promise<void> => {
      expect([page.status, page.text.includes('You are not logged in')]).toEqual([403, true]);
      expect(webSession.cookies.has('mir_session')).toBe(false);
    };

    it('whose address the provider does not confirm', async () => {
      provider.person!.email_verified = false;
      const page = await logInByProvider(ana);
      await rejected(page);
      expect(page.text).toContain('does not say that your e-mail address is confirmed');
      expect(await h.ctx.store.identities.byEmail(email)).toBeNull();
    });

    it('whose address is confirmed in words of the person’s own only', async () => {
      provider.claims = (honest) => ({ ...honest, email_verified: false, emailVerified: true });
      await rejected(await logInByProvider(ana));
      expect(await h.ctx.store.identities.byEmail(email)).toBeNull();
    });

    it('without an id token, whatever the access token opens', async () => {
      provider.withholds = true;
      await rejected(await logInByProvider(ana));
      expect(await h.ctx.store.identities.byEmail(email)).toBeNull();
    });

    it('whom the provider gave an address after somebody else', async () => {
      await logInByProvider(anonymousSession(h));
      provider.person!.sub = `heir of ${email}`;
      const page = await logInByProvider(ana);
      await rejected(page);
      expect(page.text).toContain('that somebody else opens with Harbour ID');
      expect(await h.ctx.store.identityAccounts.model.countDocuments({ accountId: `heir of ${email}` })).toBe(0);
    });

    it('who breaks off, and the log-in still leads to where the person wanted to go', async () => {
      provider.person = null;
      const page = await logInByProvider(ana, '/link');
      expect(page.html).toContain('href="/login?next=%2Flink"');
      await rejected(page);
      expect(page.text).toContain('Harbour ID did not let you through, or you stopped there');
    });

    it.each([
      ['is signed by somebody else', () => (provider.forges = true)],
      ['is meant for another client', () => (provider.claims = (honest) => ({ ...honest, aud: 'other' }))],
      ['comes from another issuer', () => (provider.claims = (honest) => ({ ...honest, iss: 'https://evil.example' }))],
      ['answers another question', () => (provider.claims = (honest) => ({ ...honest, nonce: 'another' }))],
      ['is too old', () => (provider.claims = (honest) => ({ ...honest, exp: 1_000_000 }))],
    ])('by an id token that %s', async (_name, change) => {
      change();
      await rejected(await logInByProvider(ana));
    });

    it('by an answer that another browser asked for: nobody is put into a stranger’s account', async () => {
      const victim = anonymousSession(h);
      await rejected(await victim.get(await answerOfProvider(ana)), victim);
    });

    it('without a press here: a link of another site leads to the log-in only', async () => {
      const page = await ana.get('/login/oidc?next=%2Flink', { 'sec-fetch-site': 'cross-site' });
      expect([page.status, page.path]).toEqual([200, '/login?next=%2Flink']);
    });

    it('twice by one answer, and who is logged in by it already comes home', async () => {
      const answer = await answerOfProvider(ana);
      await ana.get(answer);
      const again = await ana.get(answer);
      expect([again.path, signedInAs(again)]).toEqual(['/account', email]);
    });

    it('by an answer that was taken before', async () => {
      const answer = await answerOfProvider(ana);
      await ana.get(answer);
      ana.cookies.delete('mir_session');
      await rejected(await ana.get(answer));
    });

    it.each(['https://evil.example/', '//evil.example', '/outbox'])('is led astray: %j', async (next) => {
      const page = await ana.get(`/login/oidc?next=${encodeURIComponent(next)}`);
      const back = (await fetch(page.headers.get('location')!, { redirect: 'manual' })).headers.get('location')!;
      expect((await ana.get(new URL(back).pathname + new URL(back).search)).path).toBe('/account');
    });
  });

  describe('who came by the provider', () => {
    it('deletes the identity after choosing a password by mail', async () => {
      await logInByProvider(ana);
      const page = await ana.get('/account/delete');
      expect(page.text).toContain('You log in with Harbour ID and have no password here?');
      expect((await ana.submit(page, { password: PASSWORD })).status).toBe(422);
      await ana.submit(await ana.get('/forgot'), { email });
      await ana.submit(await ana.get(await mailedLink(h, email, /new password/)), { password: PASSWORD });
      await logInByProvider(ana);
      const done = await ana.submit(await ana.get('/account/delete'), { password: PASSWORD });
      expect(done.text).toContain('Your identity is deleted');
      expect(await h.ctx.store.identityAccounts.model.countDocuments({ accountId: `sub-${people}` })).toBe(0);
    });
  });

  it('without a provider there is no other way in', async () => {
    const plain = await startHarness({ workers: false, env: {} });
    const webSession = anonymousSession(plain);
    for (const path of ['/login/oidc', '/login/oidc/callback']) expect((await webSession.get(path)).status).toBe(404);
    expect((await webSession.get('/login')).html).not.toContain('/login/oidc');
    await plain.close();
  });

  it('while the provider is away people are told so, and passwords do not wait for it', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    const issuer = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const away = await startHarnessForPeople({
      env: { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: 'mir', OIDC_CLIENT_SECRET: 'secret' },
    });
    const webSession = anonymousSession(away);
    let isAnswered = false;
    const asked = anonymousSession(away)
      .get('/login/oidc')
      .finally(() => (isAnswered = true));
    await confirmedAccount(away, email);
    expect((await logIn(webSession, email)).path).toBe('/account');
    expect(isAnswered).toBe(false);
    const page = await asked;
    expect([page.status, page.text.includes('did not respond')]).toEqual([503, true]);
    await away.close();
    silent.close();
    silent.closeAllConnections();
  });
});
