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

/** Logs in at the provider. Returns the path and query of the callback that the provider redirects to. */
async function callbackFor(webSession: BrowserSession, next?: string): Promise<string> {
  const page = await webSession.get(next === undefined ? '/login' : `/login?next=${encodeURIComponent(next)}`);
  const link = page.root.querySelectorAll('main a').find((a) => a.textContent === 'Continue with Harbour ID')!;
  const sent = await webSession.get(link.getAttribute('href')!.replaceAll('&amp;', '&'));
  const authorizeUrl = sent.headers.get('location')!;
  expect(authorizeUrl.startsWith(`${provider.issuer}/authorize?`)).toBe(true);
  const callback = new URL((await fetch(authorizeUrl, { redirect: 'manual' })).headers.get('location')!);
  expect(callback.origin + callback.pathname).toBe(`${h.url}/login/oidc/callback`);
  return callback.pathname + callback.search;
}

const logInByProvider = async (webSession: BrowserSession, next?: string): Promise<VisitedPage> =>
  webSession.get(await callbackFor(webSession, next));

describe('login through an OpenID Connect provider', () => {
  describe('accepted login', () => {
    it('creates an identity with a confirmed address at the first login, and reuses it at later logins', async () => {
      const first = await logInByProvider(ana, '/link');
      expect([first.path, signedInAs(first)]).toEqual(['/link', email]);
      const identity = await h.ctx.store.identities.byEmail(email);
      expect(identity).toMatchObject({ emailVerified: true, name: '' });
      await logInByProvider(anonymousSession(h));
      expect(await h.ctx.store.identities.model.countDocuments({ email })).toBe(1);
    });

    it("stores only the provider's issuer and subject", async () => {
      await logInByProvider(ana);
      const { _id: userId } = (await h.ctx.store.identities.byEmail(email))!;
      const [account, ...others] = await h.ctx.store.identityAccounts.model.find({ userId }).lean();
      expect(others).toEqual([]);
      expect(account).toMatchObject({ providerId: provider.issuer, accountId: `sub-${people}` });
      expect(JSON.stringify(account)).not.toMatch(/an access token|eyJ/);
      const { logIns } = JSON.parse((await ana.get('/account/export')).html);
      expect(logIns).toEqual([{ provider: provider.issuer, subject: `sub-${people}` }]);
    });

    it('logs in to the existing identity with the same address, and its password keeps working', async () => {
      await signUpAndConfirm(h, anonymousSession(h), email);
      const { _id: before } = (await h.ctx.store.identities.byEmail(email))!;
      await logInByProvider(ana);
      expect((await h.ctx.store.identities.byEmail(email))!._id).toBe(before);
      expect((await logIn(anonymousSession(h), email)).path).toBe('/account');
    });

    it('invalidates the password and the emailed link of an unconfirmed sign-up with the same address', async () => {
      const stranger = anonymousSession(h);
      await earlierSignUp(h, email, "a stranger's password");
      await stranger.submit(await stranger.get('/signup'), { email });
      const link = await mailedLink(h, email, /Confirm/);
      expect(signedInAs(await logInByProvider(ana))).toBe(email);
      expect((await stranger.get(link)).status).toBe(410);
      expect((await logIn(stranger, email, "a stranger's password")).status).toBe(422);
    });

    it('marks the browser as known, so wrong passwords from strangers do not block the deletion form', async () => {
      await logInByProvider(ana);
      for (let n = 0; n < 10; n += 1) await logIn(anonymousSession(h), email, `wrong password ${n}`);
      expect((await logIn(anonymousSession(h), email)).status).toBe(429);
      expect((await ana.submit(await ana.get('/account/delete'), { password: 'wrong' })).status).toBe(422);
    });

    it("ends the browser's previous session", async () => {
      await logInByProvider(ana);
      const before = ana.cookies.get('mir_session')!;
      const browser = anonymousSession(h);
      const path = await callbackFor(browser);
      browser.cookies.set('mir_session', before);
      await browser.get(path);
      expect(browser.cookies.get('mir_session')).not.toBe(before);
      browser.cookies.set('mir_session', before);
      expect(signedInAs(await browser.get('/outbox'))).toBeNull();
    });
  });

  describe('rejected login', () => {
    const rejected = async (page: VisitedPage, webSession = ana): Promise<void> => {
      expect([page.status, page.text.includes('You are not logged in')]).toEqual([403, true]);
      expect(webSession.cookies.has('mir_session')).toBe(false);
    };

    it('rejects an address that the provider has not verified', async () => {
      provider.person!.email_verified = false;
      const page = await logInByProvider(ana);
      await rejected(page);
      expect(page.text).toContain('hasn’t confirmed your email address');
      expect(await h.ctx.store.identities.byEmail(email)).toBeNull();
    });

    it('accepts only the email_verified claim as proof that an address was verified', async () => {
      provider.claims = (honest) => ({ ...honest, email_verified: false, emailVerified: true });
      await rejected(await logInByProvider(ana));
      expect(await h.ctx.store.identities.byEmail(email)).toBeNull();
    });

    it('rejects a provider response without an ID token, even if it contains an access token', async () => {
      provider.withholds = true;
      await rejected(await logInByProvider(ana));
      expect(await h.ctx.store.identities.byEmail(email)).toBeNull();
    });

    it('rejects a second provider account with the same address', async () => {
      await logInByProvider(anonymousSession(h));
      provider.person!.sub = `second-${email}`;
      const page = await logInByProvider(ana);
      await rejected(page);
      expect(page.text).toContain('that uses a different Harbour ID account');
      expect(await h.ctx.store.identityAccounts.model.countDocuments({ accountId: `second-${email}` })).toBe(0);
    });

    it('shows the login page and keeps the requested destination after a canceled login', async () => {
      provider.person = null;
      const page = await logInByProvider(ana, '/link');
      expect(page.html).toContain('href="/login?next=%2Flink"');
      await rejected(page);
      expect(page.text).toContain('You canceled, or Harbour ID denied access');
    });

    it.each([
      ['is signed with a different key', () => (provider.forges = true)],
      ['is issued to a different client', () => (provider.claims = (honest) => ({ ...honest, aud: 'other' }))],
      [
        'comes from a different issuer',
        () => (provider.claims = (honest) => ({ ...honest, iss: 'https://evil.example' })),
      ],
      ['has a different nonce', () => (provider.claims = (honest) => ({ ...honest, nonce: 'another' }))],
      ['has expired', () => (provider.claims = (honest) => ({ ...honest, exp: 1_000_000 }))],
    ])('rejects an ID token that %s', async (_name, change) => {
      change();
      await rejected(await logInByProvider(ana));
    });

    it('rejects a callback for a login that another browser started', async () => {
      const victim = anonymousSession(h);
      await rejected(await victim.get(await callbackFor(ana)), victim);
    });

    it('shows the login page instead of starting a login when the link is on another site', async () => {
      const page = await ana.get('/login/oidc?next=%2Flink', { 'sec-fetch-site': 'cross-site' });
      expect([page.status, page.path]).toEqual([200, '/login?next=%2Flink']);
    });

    it('redirects to the account page when a logged-in browser repeats a callback', async () => {
      const callback = await callbackFor(ana);
      await ana.get(callback);
      const page = await ana.get(callback);
      expect([page.path, signedInAs(page)]).toEqual(['/account', email]);
    });

    it('rejects a callback that was already used', async () => {
      const callback = await callbackFor(ana);
      await ana.get(callback);
      ana.cookies.delete('mir_session');
      await rejected(await ana.get(callback));
    });

    it.each(['https://evil.example/', '//evil.example', '/outbox'])(
      'does not redirect to %j after login',
      async (next) => {
        const page = await ana.get(`/login/oidc?next=${encodeURIComponent(next)}`);
        const callback = (await fetch(page.headers.get('location')!, { redirect: 'manual' })).headers.get('location')!;
        expect((await ana.get(new URL(callback).pathname + new URL(callback).search)).path).toBe('/account');
      },
    );
  });

  describe('identity without a password', () => {
    it('lets a person delete an identity after setting a password through an emailed link', async () => {
      await logInByProvider(ana);
      const page = await ana.get('/account/delete');
      expect(page.text).toContain('Do you log in with Harbour ID and have no password?');
      expect((await ana.submit(page, { password: PASSWORD })).status).toBe(422);
      await ana.submit(await ana.get('/forgot'), { email });
      await ana.submit(await ana.get(await mailedLink(h, email, /new password/)), { password: PASSWORD });
      await logInByProvider(ana);
      const done = await ana.submit(await ana.get('/account/delete'), { password: PASSWORD });
      expect(done.text).toContain('Your MIR account has been deleted');
      expect(await h.ctx.store.identityAccounts.model.countDocuments({ accountId: `sub-${people}` })).toBe(0);
    });
  });

  it('does not offer provider login when no provider is configured', async () => {
    const plain = await startHarness({ workers: false, env: {} });
    const webSession = anonymousSession(plain);
    for (const path of ['/login/oidc', '/login/oidc/callback']) expect((await webSession.get(path)).status).toBe(404);
    expect((await webSession.get('/login')).html).not.toContain('/login/oidc');
    await plain.close();
  });

  it('returns 503 while the provider does not respond, without delaying password logins', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    const issuer = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const unavailable = await startHarnessForPeople({
      env: { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: 'mir', OIDC_CLIENT_SECRET: 'secret' },
    });
    const webSession = anonymousSession(unavailable);
    let isSettled = false;
    const pending = anonymousSession(unavailable)
      .get('/login/oidc')
      .finally(() => (isSettled = true));
    await confirmedAccount(unavailable, email);
    expect((await logIn(webSession, email)).path).toBe('/account');
    expect(isSettled).toBe(false);
    const page = await pending;
    expect([page.status, page.text.includes('did not respond')]).toEqual([503, true]);
    await unavailable.close();
    silent.close();
    silent.closeAllConnections();
  });
});
