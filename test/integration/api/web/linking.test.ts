import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../../support/builders';
import type { Harness, TestPartner } from '../../../support/harness';
import {
  loggedIn,
  logIn,
  mailedLink,
  PASSWORD,
  signUpAndConfirm,
  anonymousSession,
  sharedHarnessForPeople,
} from '../../../support/people';
import type { VisitedPage, BrowserSession } from '../../../support/browser-session';

/** The requirement is 10,000 tries, but the default of 500 is enough to exceed the limit. */
const CODE_TRIES = Number(process.env['CODE_TRIES'] ?? 500);
const CONCURRENT_TRIES = 100;

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await sharedHarnessForPeople();
  partner = await mir.partner({ allowedReturnOrigins: ['https://harbour.example'] });
});
afterAll(() => mir.close());

let people = 0;
const newAddress = (): string => `guest-${(people += 1)}@example.org`;
async function invite(userExternalId: string, more: object = {}, key = partner.liveKey): Promise<string> {
  const { status, body } = await mir.client.post('/v1/partners/link/invite', key, { userExternalId, ...more });
  expect(status).toBe(201);
  return new URL(body.url).pathname;
}
async function code(userExternalId: string): Promise<string> {
  return (await mir.client.post('/v1/partners/link/code', partner.liveKey, { userExternalId })).body.code as string;
}
const isLinked = async (userExternalId: string): Promise<boolean> =>
  (await mir.client.get(`/v1/partners/link/status?userExternalId=${userExternalId}`, partner.liveKey)).body.linked;
const decide = (webSession: BrowserSession, page: VisitedPage, decision: 'connect' | 'decline'): Promise<VisitedPage> =>
  webSession.submit(page, { decision });

describe('linking pages', () => {
  it('keeps an invitation through sign-up and login, and connects the account with one click', async () => {
    await mir.client.post('/v1/events', partner.liveKey, { events: [anEvent({ userExternalId: 'ana' })] });
    await mir.drained();
    const webSession = anonymousSession(mir);
    const path = await invite('ana', { accountLabel: 'ana_k' });
    const before = await webSession.get(path);
    expect(before.status).toBe(200);
    expect(before.text).toContain('Harbour Market wants to connect an account');
    expect(before.text).toContain('“ana_k” at harbour.example');
    const signUp = before.root.querySelectorAll('main a').find((a) => a.textContent === 'Sign up')!;
    const email = newAddress();
    await webSession.submit(await webSession.get(signUp.getAttribute('href')!), { email });
    const verify = await webSession.get(await mailedLink(mir, email, /Confirm/));
    const confirmed = await webSession.submit(verify, { password: PASSWORD });
    expect(confirmed.path).toContain('/login');
    const consent = await webSession.submit(confirmed, { email, password: PASSWORD });
    expect(consent.path).toBe(path);
    expect(consent.text).toContain('Connect your Harbour Market account?');
    expect(consent.text).toContain('1 event from 1 platform');
    expect(await isLinked('ana')).toBe(false);
    const done = await decide(webSession, consent, 'connect');
    expect([done.status, done.text.startsWith('Connected to Harbour Market')]).toEqual([200, true]);
    expect(await isLinked('ana')).toBe(true);
    const resolved = await mir.client.post('/v1/resolve', partner.liveKey, { userExternalId: 'ana' });
    expect(resolved.body).toMatchObject({ linked: true, eventCount: 1 });
    expect((await webSession.get(path)).text).toContain('Connected to Harbour Market');
  });

  it('shows the label in an element of its own, so that its text direction cannot reorder the page', async () => {
    const label = 'ירון 42';
    const labels = ({ root }: { root: { querySelectorAll(selector: string): { textContent: string }[] } }) =>
      root.querySelectorAll('main bdi').map(({ textContent }) => textContent);
    const path = await invite('yaron', { accountLabel: label });
    expect(labels(await anonymousSession(mir).get(path))).toEqual([label]);
    const webSession = await loggedIn(mir, newAddress());
    const consent = await webSession.get(path);
    expect(labels(consent)).toEqual([label, label]);
    expect(labels(await decide(webSession, consent, 'connect'))).toEqual([label]);
    const account = await webSession.get('/account');
    expect(labels(account)).toEqual([label]);
    const disconnectPath = account.root.querySelector('ul.records a')!.getAttribute('href')!;
    expect(labels(await webSession.get(disconnectPath))).toEqual([label]);
  });

  it("redirects to the partner with the partner's state and the person's decision", async () => {
    const webSession = await loggedIn(mir, newAddress());
    const returnUrl = 'https://harbour.example/settings?tab=mir';
    for (const [decision, outcome] of [
      ['connect', 'linked'],
      ['decline', 'declined'],
    ] as const) {
      const path = await invite(`back-${decision}`, { returnUrl, state: 'opaque & odd=1' });
      const consent = await webSession.get(path);
      expect(consent.headers.get('content-security-policy')).toContain("form-action 'self' https://harbour.example");
      const response = await decide(webSession, consent, decision);
      expect(response.status).toBe(303);
      const target = new URL(response.headers.get('location')!);
      expect(target.origin + target.pathname).toBe('https://harbour.example/settings');
      expect(Object.fromEntries(target.searchParams)).toEqual({ tab: 'mir', link: outcome, state: 'opaque & odd=1' });
    }
  });

  it('does not redirect to a return URL whose origin is no longer registered', async () => {
    const other = await mir.partner({ allowedReturnOrigins: ['https://gone.example'] });
    const webSession = await loggedIn(mir, newAddress());
    const path = await invite('moved', { returnUrl: 'https://gone.example/x' }, other.liveKey);
    await mir.ctx.store.partners.model.updateOne({ _id: other.partnerId }, { $set: { allowedReturnOrigins: [] } });
    const consent = await webSession.get(path);
    expect(consent.headers.get('content-security-policy')).not.toContain('gone.example');
    const done = await decide(webSession, consent, 'connect');
    expect([done.status, done.text.startsWith('Connected')]).toEqual([200, true]);
  });

  it('shows a page with an appropriate status code for each reason that an invitation can be invalid', async () => {
    const webSession = await loggedIn(mir, newAddress());
    const used = await invite('used');
    await decide(webSession, await webSession.get(used), 'connect');
    const declined = await invite('declined');
    const page = await decide(webSession, await webSession.get(declined), 'decline');
    expect(page.text).toContain('Not connected');
    const expired = await invite('expired');
    const { model } = mir.ctx.store.linkRequests;
    const newest = await model.findOne({ status: 'OPEN' }).sort({ createdAt: -1 });
    await model.updateOne({ _id: newest!._id }, { $set: { expiresAt: new Date(0) } });
    const elsewhere = await invite('used');

    const stranger = await loggedIn(mir, newAddress());
    const seen = async (path: string) => {
      const { status, text } = await stranger.get(path);
      return [status, text.split('.')[0]];
    };
    expect(await seen(used)).toEqual([410, expect.stringContaining('was already used')]);
    expect(await seen(declined)).toEqual([410, expect.stringContaining('was declined')]);
    expect(await seen(expired)).toEqual([410, expect.stringContaining('has expired')]);
    expect(await seen('/link/not-a-token')).toEqual([404, expect.stringContaining('is not valid')]);
    const rejected = await decide(stranger, await stranger.get(elsewhere), 'connect');
    expect([rejected.status, rejected.text.includes('another MIR account')]).toEqual([409, true]);
    await mir.ctx.store.partners.model.updateOne({ _id: partner.partnerId }, { $set: { suspended: true } });
    try {
      expect(await seen(elsewhere)).toEqual([403, expect.stringContaining('can’t be connected right now')]);
    } finally {
      await mir.ctx.store.partners.model.updateOne({ _id: partner.partnerId }, { $set: { suspended: false } });
    }
  });

  it('accepts a link code once, in upper or lower case and without its hyphen, and connects after confirmation', async () => {
    const email = newAddress();
    const webSession = anonymousSession(mir);
    await signUpAndConfirm(mir, webSession, email);
    expect((await webSession.get('/link')).path).toContain('/login');
    await logIn(webSession, email);
    for (const typed of [
      (text: string) => text,
      (text: string) => text.replace('-', ''),
      (text: string) => text.toLowerCase(),
    ]) {
      const user = `typed-${typed('A-B')}`;
      const issued = await code(user);
      const consent = await webSession.submit(await webSession.get('/link'), { code: typed(issued) });
      expect(consent.text).toContain('Connect your Harbour Market account?');
      expect(await isLinked(user)).toBe(false);
      expect((await decide(webSession, consent, 'connect')).text).toContain('Connected to Harbour Market');
      expect(await isLinked(user)).toBe(true);
      const other = await loggedIn(mir, newAddress());
      const again = await other.submit(await other.get('/link'), { code: issued });
      expect([again.status, again.text.includes('was already used')]).toEqual([410, true]);
    }
  });

  it('returns 429 for all but five of many concurrent wrong codes, and then even for the correct code', async () => {
    const webSession = await loggedIn(mir, newAddress());
    const page = await webSession.get('/link');
    const right = await code('guarded');
    const statuses: number[] = [];
    let next = 0;
    const tryCodes = async (): Promise<void> => {
      for (let n = next++; n < CODE_TRIES; n = next++) {
        const typed = `${String(n).padStart(5, '0')}000`;
        statuses.push((await webSession.submit(page, { code: typed })).status);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT_TRIES }, tryCodes));
    expect(statuses.filter((status) => status === 422)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(CODE_TRIES - 5);
    const rejected = await webSession.submit(page, { code: right });
    expect([rejected.status, rejected.headers.get('retry-after')]).toEqual([429, expect.any(String)]);
    expect(await isLinked('guarded')).toBe(false);
  });

  it('shows the account as connected in both tabs when an invitation is confirmed in both', async () => {
    const webSession = await loggedIn(mir, newAddress());
    const path = await invite('tabs');
    const tabs = [await webSession.get(path), await webSession.get(path)];
    const both = await Promise.all(tabs.map((tab) => decide(webSession, tab, 'connect')));
    for (const { status, text } of both) expect([status, text.startsWith('Connected to')]).toEqual([200, true]);
    expect(await isLinked('tabs')).toBe(true);
  });

  it('shows an invitation as connected only while the link exists', async () => {
    const webSession = await loggedIn(mir, newAddress());
    const path = await invite('ended');
    await decide(webSession, await webSession.get(path), 'connect');
    expect((await webSession.get(path)).text).toContain('Connected to Harbour Market');
    const disconnect = (await webSession.get('/account')).root.querySelector('ul.records a')!.getAttribute('href')!;
    await webSession.submit(await webSession.get(disconnect), {});
    const ended = await webSession.get(path);
    expect([ended.status, ended.text.includes('was already used')]).toEqual([410, true]);
  });

  it('rejects forged and stolen consent forms', async () => {
    const webSession = await loggedIn(mir, newAddress());
    const attacker = await loggedIn(mir, newAddress());
    const path = await invite('forged');
    const own = { origin: mir.url, 'sec-fetch-site': 'same-origin' };
    const stolen = (await attacker.get(path)).root.querySelector('main form input[name=form_token]')!;
    const token = stolen.getAttribute('value')!;
    const tries = [
      await webSession.post(path, { decision: 'connect' }, own),
      await webSession.post(path, { decision: 'connect', form_token: token }, own),
      await webSession.post(
        path,
        { decision: 'connect' },
        { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      ),
    ];
    expect(tries.map(({ status }) => status)).toEqual([403, 403, 403]);
    expect(await isLinked('forged')).toBe(false);
  });

  it('rejects a consent form that was opened before the person logged out', async () => {
    const webSession = await loggedIn(mir, newAddress());
    const path = await invite('logged-out');
    const consent = await webSession.get(path);
    await webSession.submit(consent, {}, { action: '/logout' });
    expect((await decide(webSession, consent, 'connect')).status).toBe(403);
    expect(await isLinked('logged-out')).toBe(false);
  });

  it('redirects to the invitation when a visitor decides without being logged in, and does not connect the account', async () => {
    const webSession = anonymousSession(mir);
    const path = await invite('stranger');
    const form = (await webSession.get('/login')).root.querySelector('main form input[name=form_token]')!;
    const sent = { decision: 'connect', form_token: form.getAttribute('value')! };
    const response = await webSession.post(path, sent, { origin: mir.url, 'sec-fetch-site': 'same-origin' });
    expect([response.status, response.headers.get('location')]).toEqual([303, path]);
    expect((await webSession.get(path)).text).toContain('Harbour Market wants to connect an account');
    expect(await isLinked('stranger')).toBe(false);
  });

  it('marks a test-environment invitation as a test and does not show any live data', async () => {
    const webSession = await loggedIn(mir, newAddress());
    await decide(webSession, await webSession.get(await invite('both')), 'connect');
    const consent = await webSession.get(await invite('both', {}, partner.testKey));
    expect(consent.text).toContain('This is a test');
    expect(consent.text).toContain('0 events from 0 platforms');
  });
});
