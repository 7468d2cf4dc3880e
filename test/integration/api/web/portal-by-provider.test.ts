import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { BrowserSession, VisitedPage } from '../../../support/browser-session';
import type { Harness, TestPartner } from '../../../support/harness';
import { type OidcServer, oidcServers } from '../../../support/oidc-server';
import { anonymousSession, startHarnessForPeople } from '../../../support/people';
import { insertMember, newStaffEmail } from '../../../support/staff';

const oidcServer = oidcServers();
let provider: OidcServer;
let h: Harness;
let partner: TestPartner;
let browser: BrowserSession;
let people = 0;

beforeAll(async () => {
  provider = await oidcServer();
  h = await startHarnessForPeople({
    workers: false,
    env: {
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: provider.clientId,
      OIDC_CLIENT_SECRET: provider.clientSecret,
      OIDC_NAME: 'Harbour ID',
    },
  });
  partner = await h.partner({ name: 'Harbour Market' });
});
afterAll(() => h.close());
beforeEach(() => {
  browser = anonymousSession(h);
  people += 1;
});

async function logIn(email: string, person: object = {}): Promise<VisitedPage> {
  provider.person = { sub: `staff-${people}`, email, email_verified: true, ...person };
  const page = await browser.get('/portal/login');
  const link = page.root.querySelectorAll('main a').find((a) => a.textContent === 'Continue with Harbour ID')!;
  const sent = await browser.get(link.getAttribute('href')!);
  const callback = new URL(
    (await fetch(sent.headers.get('location')!, { redirect: 'manual' })).headers.get('location')!,
  );
  return browser.get(callback.pathname + callback.search);
}

describe('login to the portal through the provider', () => {
  it('logs in an invited account, which keeps only the issuer and subject', async () => {
    const { email, staffId } = await insertMember(h, partner.partnerId);
    const portal = await logIn(email);
    expect(portal.path).toBe('/portal');
    expect(portal.text).toContain('Harbour Market');
    expect([...browser.cookies.keys()]).toContain('mir_portal');
    expect([...browser.cookies.keys()]).not.toContain('mir_staff');
    const linked = await h.ctx.store.staffAccounts.atProviders(staffId);
    expect(linked).toEqual([{ provider: provider.issuer, subject: `staff-${people}` }]);
    const rows = await h.ctx.store.staffAccounts.model.find({ userId: staffId }).lean();
    expect(JSON.stringify(rows)).not.toMatch(/an access token|eyJ/);
  });

  it('creates no account for an address that was not invited, and none for a person with a history', async () => {
    const email = newStaffEmail();
    await h.ctx.store.identities.signUp(email, new Date());
    const rejected = await logIn(email);
    expect(rejected.status).toBe(403);
    expect(rejected.text).toContain('Ask an administrator of your organization for an invitation');
    expect(await h.ctx.store.staff.byEmail(email)).toBeNull();
    expect((await browser.get('/portal')).path).toBe('/portal/login');
  });

  it('does not log in with an address that the provider has not verified, or that belongs to another account', async () => {
    const { email } = await insertMember(h, partner.partnerId);
    expect((await logIn(email, { email_verified: false })).status).toBe(403);
    expect((await logIn(email)).path).toBe('/portal');
    browser = anonymousSession(h);
    expect((await logIn(email, { sub: 'someone else' })).status).toBe(403);
  });
});
