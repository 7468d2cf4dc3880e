import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../support/harness';
import type { BrowserSession } from '../../support/browser-session';
import { type OidcServer, oidcServers } from '../../support/oidc-server';
import { anonymousSession, signedInAs, startHarnessForPeople } from '../../support/people';

const oidcServer = oidcServers();
let provider: OidcServer;
let h: Harness;
let email: string;
let ana: BrowserSession;
beforeAll(async () => {
  provider = await oidcServer();
  h = await startHarnessForPeople({
    workers: false,
    env: {
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: provider.clientId,
      OIDC_CLIENT_SECRET: provider.clientSecret,
    },
  });
});
afterAll(() => h.close());
beforeEach(() => {
  email = `${randomUUID()}@example.org`;
  provider.person = { sub: randomUUID(), email, email_verified: true };
  ana = anonymousSession(h);
});

/** Starts a login in a browser, and returns the provider's URL and the callback to which the provider redirects. */
async function start(browser: BrowserSession): Promise<{ authorize: URL; callback: URL }> {
  const sent = await browser.get('/login/oidc');
  const authorize = new URL(sent.headers.get('location')!);
  const { headers } = await fetch(authorize, { redirect: 'manual' });
  return { authorize, callback: new URL(headers.get('location')!) };
}

const open = async (browser: BrowserSession, { pathname, search }: URL): Promise<string | null> => {
  const page = await browser.get(pathname + search);
  expect(browser.cookies.has('mir_session')).toBe(signedInAs(page) !== null);
  return signedInAs(page);
};

describe('login through a provider', () => {
  it('control: logs in the browser that started the login, with a code bound to it by PKCE and a nonce', async () => {
    const { authorize, callback } = await start(ana);
    expect(authorize.searchParams.get('code_challenge_method')).toBe('S256');
    expect(authorize.searchParams.get('nonce')).toMatch(/.{16}/);
    expect(authorize.searchParams.get('redirect_uri')).toBe(`${h.url}/login/oidc/callback`);
    // A second value of a parameter is ignored.
    callback.searchParams.append('code', 'y');
    expect(await open(ana, callback)).toBe(email);
  });

  it.each<[string, (callback: URL, other: URL) => void]>([
    ['no state', ({ searchParams }) => searchParams.delete('state')],
    ['an altered state', ({ searchParams }) => searchParams.set('state', `${searchParams.get('state')}x`)],
    ["another login's state", ({ searchParams }, other) => searchParams.set('state', other.searchParams.get('state')!)],
    ["another login's code", ({ searchParams }, other) => searchParams.set('code', other.searchParams.get('code')!)],
    ['no code', ({ searchParams }) => searchParams.delete('code')],
    ['an unknown code', ({ searchParams }) => searchParams.set('code', 'x'.repeat(32))],
    ["another provider's issuer", ({ searchParams }) => searchParams.set('iss', 'https://evil.example')],
    ['an error besides the code', ({ searchParams }) => searchParams.set('error', 'server_error')],
  ])('rejects a callback with %s', async (_name, change) => {
    const attacker = anonymousSession(h);
    const victim = { ...provider.person! };
    provider.person = { sub: randomUUID(), email: `attacker-${email}`, email_verified: true };
    const other = (await start(attacker)).callback;
    provider.person = victim;
    const { callback } = await start(ana);
    change(callback, other);
    expect(await open(ana, callback)).toBeNull();
  });

  it("never logs a victim in to an attacker's account, and uses each code once", async () => {
    const attacker = anonymousSession(h);
    const { callback } = await start(attacker);
    expect(await open(ana, callback)).toBeNull();
    expect(await open(attacker, callback)).toBe(email);
    const again = anonymousSession(h);
    for (const [name, value] of attacker.cookies) if (name !== 'mir_session') again.cookies.set(name, value);
    expect(await open(again, callback)).toBeNull();
  });
});
