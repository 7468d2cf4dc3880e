import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../../support/builders';
import type { Harness, TestPartner } from '../../../support/harness';
import { loggedIn, PASSWORD, anonymousSession, logIn, sharedHarnessForPeople } from '../../../support/people';
import { redisText } from '../../../support/redis-text';
import type { BrowserSession } from '../../../support/browser-session';

let mir: Harness;
let shop: TestPartner;
let forum: TestPartner;
beforeAll(async () => {
  mir = await sharedHarnessForPeople();
  shop = await mir.partner({ name: 'Harbour Market' });
  forum = await mir.partner({ name: 'Quiet Forum', website: 'https://forum.example' });
});
afterAll(() => mir.close());

let people = 0;
const newAddress = (): string => `owner-${(people += 1)}@example.org`;
async function connect(
  webSession: BrowserSession,
  { liveKey }: TestPartner,
  userExternalId: string,
  accountLabel?: string,
) {
  const invitation = { userExternalId, ...(accountLabel === undefined ? {} : { accountLabel }) };
  const { body } = await mir.client.post('/v1/partners/link/invite', liveKey, invitation);
  const consent = await webSession.get(new URL(body.url).pathname);
  const done = await webSession.submit(consent, { decision: 'connect' });
  expect(done.text).toContain('Connected to');
}
async function submit({ liveKey }: TestPartner, userExternalId: string, count: number): Promise<void> {
  const metadata = { note: 'an order' };
  const events = Array.from({ length: count }, () => anEvent({ userExternalId, metadata }));
  expect((await mir.client.post('/v1/events', liveKey, { events })).status).toBe(202);
  await mir.drained();
}
const resolve = async ({ liveKey }: TestPartner, userExternalId: string) =>
  (await mir.client.post('/v1/resolve', liveKey, { userExternalId })).body;

describe('account pages', () => {
  it('redirects account pages to the login page when the visitor is not logged in', async () => {
    const webSession = anonymousSession(mir);
    for (const path of ['/account', '/account/export', '/account/delete', '/account/links/lnk_x']) {
      expect((await webSession.get(path)).path).toMatch(/^\/login/);
    }
  });

  it("shows a person's own platforms, totals and monthly chart, and no data about other people", async () => {
    const webSession = await loggedIn(mir, newAddress());
    expect((await webSession.get('/account')).text).toContain('Nothing is connected yet');
    await submit(shop, 'me-at-shop', 3);
    await submit(forum, 'me-at-forum', 2);
    await connect(webSession, shop, 'me-at-shop', 'me_k');
    await connect(webSession, forum, 'me-at-forum');
    const { text, root } = await webSession.get('/account');
    for (const words of [
      'Harbour Market',
      '“me_k” at harbour.example',
      'Quiet Forum',
      'your account at forum.example',
    ]) {
      expect(text).toContain(words);
    }
    const facts = root.querySelectorAll('dl.facts div').map((div) => div.structuredText.replace(/\s+/g, ' '));
    expect(facts.slice(0, 2)).toEqual(['Events 5', 'Platforms 2']);
    expect(root.querySelector('main svg')).not.toBeNull();
    const numbers = root.querySelectorAll('.chart tbody td').map((cell) => cell.text);
    expect(numbers.slice(0, 4)).toEqual(['Harbour Market', '3', 'Quiet Forum', '2']);
    expect(root.querySelectorAll('.chart tbody')).toHaveLength(12);
    const stranger = await loggedIn(mir, newAddress());
    expect((await stranger.get('/account')).text).not.toContain('Harbour Market');
  });

  it('explains the effects of disconnecting an account, and then immediately removes only that account’s link', async () => {
    const webSession = await loggedIn(mir, newAddress());
    await submit(shop, 'leaver', 3);
    await submit(forum, 'leaver', 2);
    await connect(webSession, shop, 'leaver');
    await connect(webSession, forum, 'leaver');
    expect(await resolve(forum, 'leaver')).toMatchObject({ eventCount: 5, linked: true });
    const account = await webSession.get('/account');
    const row = account.root.querySelectorAll('ul.records li').find((li) => li.textContent.includes('Quiet Forum'))!;
    const path = row.querySelector('a')!.getAttribute('href')!;

    const stranger = await loggedIn(mir, newAddress());
    expect((await stranger.get(path)).status).toBe(404);
    const page = await webSession.get(path);
    expect(page.text).toContain('Disconnect from Quiet Forum?');
    expect(await resolve(forum, 'leaver')).toMatchObject({ linked: true });
    const done = await webSession.submit(page, {});
    expect(done.text).toContain('The account has been disconnected');
    expect(await resolve(forum, 'leaver')).toMatchObject({ linked: false, eventCount: 2, partnerCount: 1 });
    expect(await resolve(shop, 'leaver')).toMatchObject({ linked: true, eventCount: 3, partnerCount: 1 });
    expect((await webSession.get(path)).status).toBe(404);
  });

  it('exports the identity, its accounts and all of their events as one JSON document', async () => {
    const email = newAddress();
    const webSession = await loggedIn(mir, email);
    await submit(shop, 'exporter', 1_200);
    await submit(forum, 'exporter', 1);
    await connect(webSession, shop, 'exporter', 'label, with commas');
    await connect(webSession, forum, 'exporter');
    const file = await webSession.get('/account/export');
    expect(file.headers.get('content-disposition')).toMatch(/^attachment; filename="mir-account-[\d-]+\.json"$/);
    const { identity, accounts, history } = JSON.parse(file.html);
    expect(identity).toEqual({ email, createdAt: expect.any(String) });
    expect(history).toMatchObject({ eventCount: 1_201, partnerCount: 2 });
    expect(accounts).toMatchObject([
      { platform: 'Harbour Market', accountLabel: 'label, with commas', environment: 'live', eventCount: 1_200 },
      { platform: 'Quiet Forum', accountLabel: null },
    ]);
    expect(accounts.map(({ events }: { events: unknown[] }) => events.length)).toEqual([1_200, 1]);
    expect(accounts[0].events[0]).toMatchObject({ eventType: 'mir.transaction.completed', weight: 1 });
  });

  it('exports sessions and every invitation decision, including declines and connections that were later removed', async () => {
    const webSession = await loggedIn(mir, newAddress());
    await connect(webSession, shop, 'answering', 'a label');
    const disconnectPath = (await webSession.get('/account')).root.querySelector('ul.records a')!.getAttribute('href')!;
    await webSession.submit(await webSession.get(disconnectPath), {});
    const invitation = { userExternalId: 'answering' };
    const { body } = await mir.client.post('/v1/partners/link/invite', forum.testKey, invitation);
    await webSession.submit(await webSession.get(new URL(body.url).pathname), { decision: 'decline' });
    const { sessions, answers, accounts } = JSON.parse((await webSession.get('/account/export')).html);
    expect(accounts).toEqual([]);
    expect(sessions).toEqual([{ createdAt: expect.any(String), expiresAt: expect.any(String) }]);
    const invited = { kind: 'INVITE', askedAt: expect.any(String) };
    expect(answers).toEqual([
      { ...invited, platform: 'Quiet Forum', environment: 'test', answer: 'DECLINED' },
      { ...invited, platform: 'Harbour Market', environment: 'live', answer: 'CONNECTED' },
    ]);
  });

  it('exports valid JSON for a person without links', async () => {
    const webSession = await loggedIn(mir, newAddress());
    expect(JSON.parse((await webSession.get('/account/export')).html).accounts).toEqual([]);
  });

  /** Returns all data that this test run stored in MongoDB and Redis, as text. */
  async function rawStores(): Promise<string> {
    const { store, queueLink, cacheLink, config } = mir.ctx;
    const parts: string[] = [];
    for (const { name } of await store.connection.db!.listCollections().toArray()) {
      for await (const doc of store.connection.db!.collection(name).find())
        parts.push(`${name} ${JSON.stringify(doc)}`);
    }
    for (const link of [queueLink, cacheLink]) parts.push(await redisText(link, `*${config.keyspace}*`));
    return parts.join('\n');
  }

  it('deletes the identity only when the password is correct, and leaves no trace of the email address or raw IDs', async () => {
    const email = 'very.unusual.address@example.org';
    const rawId = 'very-unusual-raw-id-8841';
    const webSession = await loggedIn(mir, email);
    await submit(shop, rawId, 2);
    await submit(forum, 'del-at-forum', 4);
    await connect(webSession, shop, rawId, 'v_unusual_label');
    await connect(webSession, forum, 'del-at-forum');
    expect(await rawStores()).toContain(email);

    const page = await webSession.get('/account/delete');
    expect(page.text).toContain('2 connected accounts will be disconnected');
    const rejected = await webSession.submit(page, { password: 'not the password' });
    expect([rejected.status, rejected.text.includes('Nothing was deleted')]).toEqual([422, true]);
    expect(await resolve(forum, 'del-at-forum')).toMatchObject({ linked: true, eventCount: 6 });
    const done = await webSession.submit(page, { password: PASSWORD });
    expect(done.text).toContain('Your MIR account has been deleted');

    expect(await resolve(forum, 'del-at-forum')).toMatchObject({ linked: false, eventCount: 4 });
    expect((await webSession.get('/account')).path).toMatch(/^\/login/);
    expect((await logIn(anonymousSession(mir), email)).status).toBe(422);
    const raw = await rawStores();
    for (const trace of [email, 'very.unusual', rawId, 'v_unusual_label']) {
      expect(raw.includes(trace) ? trace : null).toBeNull();
    }
  });
});
