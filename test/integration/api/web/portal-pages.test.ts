import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MEMBER_PAGES } from '../../../../api/web/portal/pages';
import { MEMBER_ROLES, type MemberRole, ROLE_SCOPES } from '../../../../shared/domain/roles';
import type { BrowserSession, VisitedPage } from '../../../support/browser-session';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { anonymousSession, PASSWORD, startHarnessForPeople } from '../../../support/people';
import { startWebhookReceiver, type WebhookReceiver } from '../../../support/webhook-receiver';
import { waitUntil } from '../../../support/wait-until';
import { insertMember } from '../../../support/staff';

let mir: Harness;
let partner: TestPartner;
let foreign: TestPartner;
beforeAll(async () => {
  mir = await startHarnessForPeople({ env: { WEBHOOKS_TO_PRIVATE_ADDRESSES: 'true' } });
  partner = await mir.partner({ name: 'Harbour Market' });
  foreign = await mir.partner({ name: 'Quay Forum' });
});
afterAll(() => mir.close());

interface LoggedIn {
  browser: BrowserSession;
  email: string;
  staffId: string;
  memberId: string;
}

async function loggedInAs(role: MemberRole, { partnerId }: TestPartner = partner): Promise<LoggedIn> {
  const member = await insertMember(mir, partnerId, role);
  const browser = anonymousSession(mir);
  const page = await browser.submit(await browser.get('/portal/login'), { email: member.email, password: PASSWORD });
  expect(page.path).toBe('/portal');
  return { browser, ...member };
}

const baseOf = ({ partnerId }: TestPartner, env = 'live'): string => `/portal/${partnerId}/${env}`;

/** Moves the last log-in of a session into the past. */
async function ageLogIn({ staffId }: LoggedIn): Promise<void> {
  const confirmedAt = new Date(Date.now() - 3_600_000);
  const { modifiedCount } = await mir.ctx.store.staffSessions.model.updateMany({ userId: staffId }, { confirmedAt });
  expect(modifiedCount).toBe(1);
}

describe('every page for members', () => {
  /** Sends a page's request without following redirects, with a valid form token. */
  async function request({ browser }: Pick<LoggedIn, 'browser'>, method: string, path: string): Promise<VisitedPage> {
    if (method === 'GET') return browser.get(path);
    const home = await browser.get('/portal');
    const token = home.root.querySelector('input[name=form_token]')?.getAttribute('value') ?? '';
    return browser.post(path, { form_token: token });
  }

  const pages = MEMBER_PAGES.map(({ method, path, scope }) => ({ method, scope, path: path.split('/:env')[1]! }));

  it.each(MEMBER_ROLES)('allows %s what the role’s scopes allow, and nothing at another partner', async (role) => {
    const member = await loggedInAs(role);
    const outcomes = [];
    for (const { method, path, scope } of pages) {
      const own = await request(member, method, baseOf(partner) + path);
      const other = await request(member, method, baseOf(foreign) + path);
      const missing = await request(member, method, `/portal/prt_000000000000/live${path}`);
      outcomes.push({
        page: `${method} ${path}`,
        isAllowed: own.status !== 403,
        shouldBeAllowed: ROLE_SCOPES[role].includes(scope),
        other: other.status,
        hasSameText:
          other.text.replaceAll(/req_[\w-]+|[\da-f-]{36}/g, '') ===
          missing.text.replaceAll(/req_[\w-]+|[\da-f-]{36}/g, ''),
      });
    }
    expect(outcomes).toHaveLength(pages.length);
    for (const { page, isAllowed, shouldBeAllowed, other, hasSameText } of outcomes) {
      expect([page, isAllowed, other, hasSameText]).toEqual([page, shouldBeAllowed, 404, true]);
    }
  });

  it('sends browsers without a session to the log-in page', async () => {
    const browser = anonymousSession(mir);
    for (const { path } of pages.filter(({ method }) => method === 'GET')) {
      expect((await browser.get(baseOf(partner) + path)).path).toBe('/portal/login');
    }
  });

  it('rejects a form without its token', async () => {
    const { browser } = await loggedInAs('ADMINISTRATOR');
    for (const { path } of pages.filter(({ method }) => method === 'POST')) {
      const response = await browser.post(baseOf(partner) + path, { form_token: 'of another session' });
      expect([path, response.status]).toEqual([path, 403]);
    }
  });

  it('is a 404 in an environment that does not exist', async () => {
    const { browser } = await loggedInAs('ADMINISTRATOR');
    expect((await browser.get(baseOf(partner, 'staging'))).status).toBe(404);
  });
});

describe('the pages about keys', () => {
  it('show a new key once, which then works, and revoke it', async () => {
    const { browser } = await loggedInAs('DEVELOPER');
    const form = await browser.get(`${baseOf(partner)}/keys/new`);
    const created = await browser.submit(form, { name: 'Checkout service' });
    expect(created.status).toBe(200);
    expect(created.headers.get('cache-control')).toBe('no-store');
    const key = created.root.querySelector('#api-key')!.text;
    expect((await mir.client.get('/v1/events', key)).status).toBe(200);
    const list = await browser.get(`${baseOf(partner)}/keys`);
    expect(list.text).toContain('Checkout service');
    expect(list.html).not.toContain(key);
    expect((await browser.get(`${baseOf(partner, 'test')}/keys`)).text).not.toContain('Checkout service');

    const revokeLink = list.root.querySelector('a[aria-label="Revoke Checkout service"]')!.getAttribute('href')!;
    const done = await browser.submit(await browser.get(revokeLink), { reason: 'not needed' });
    expect(done.text).toContain('The key is revoked');
    expect((await mir.client.get('/v1/events', key)).status).toBe(401);
  });

  it('list every problem of the form and keep what was entered', async () => {
    const { browser } = await loggedInAs('DEVELOPER');
    const form = await browser.get(`${baseOf(partner)}/keys/new`);
    const token = form.root.querySelector('main input[name=form_token]')!.getAttribute('value')!;
    const rejected = await browser.post(`${baseOf(partner)}/keys/new`, { form_token: token, 'scope.usage:read': 'on' });
    expect(rejected.status).toBe(422);
    expect(rejected.text).toContain('Enter a name.');
    expect(rejected.root.querySelectorAll('input[type=checkbox][checked]').map(({ id }) => id)).toEqual([
      'scope.usage:read',
    ]);
  });

  it('ask for the password again if the log-in was not recent', async () => {
    const member = await loggedInAs('DEVELOPER');
    await ageLogIn(member);
    const confirm = await member.browser.get(`${baseOf(partner)}/keys/new`);
    expect(confirm.path).toContain('/portal/confirm');
    const wrong = await member.browser.submit(confirm, { password: 'wrong horse battery' });
    expect([wrong.status, wrong.text.includes('The password is wrong')]).toEqual([422, true]);
    const form = await member.browser.submit(wrong, { password: PASSWORD });
    expect(form.path).toBe(`${baseOf(partner)}/keys/new`);
    expect((await member.browser.submit(form, { name: 'After confirmation' })).text).toContain('Copy your key now');
  });

  it('name the member in the audit log', async () => {
    const member = await loggedInAs('DEVELOPER');
    const form = await member.browser.get(`${baseOf(partner)}/keys/new`);
    await member.browser.submit(form, { name: 'Audited' });
    const { data } = (await mir.client.get('/v1/audit?action=key.created', partner.liveKey)).body;
    expect(data[0]).toMatchObject({ actor: { kind: 'MEMBER', memberId: member.memberId } });
  });
});

describe('the confirmation of a log-in', () => {
  it('continues only on pages of the portal', async () => {
    const { browser } = await loggedInAs('VIEWER');
    for (const next of [
      'https://evil.example',
      '//evil.example',
      '/account',
      `/portal/${partner.partnerId}/live/../x`,
    ]) {
      const page = await browser.get(`/portal/confirm?next=${encodeURIComponent(next)}`);
      expect((await browser.submit(page, { password: PASSWORD })).path).toBe('/portal');
    }
  });
});

describe('a member whose role ends', () => {
  it('loses the pages at once', async () => {
    const member = await loggedInAs('DEVELOPER');
    expect((await member.browser.get(`${baseOf(partner)}/keys`)).status).toBe(200);
    const admin = await loggedInAs('ADMINISTRATOR');
    const change = await admin.browser.get(`${baseOf(partner)}/members/change?member=${member.memberId}`);
    const { text } = await admin.browser.submit(change, { role: 'VIEWER', action: 'change' });
    expect(text).toContain('The role is changed');
    expect((await member.browser.get(`${baseOf(partner)}/keys/new`)).status).toBe(403);
    const removal = await admin.browser.get(`${baseOf(partner)}/members/change?member=${member.memberId}`);
    await admin.browser.submit(removal, { action: 'remove' });
    expect((await member.browser.get(`${baseOf(partner)}/keys`)).status).toBe(404);
  });
});

/** Reloads a page until its text contains `text`. */
async function waitForPage(browser: BrowserSession, path: string, text: string): Promise<VisitedPage> {
  let page = await browser.get(path);
  await waitUntil(`the page says “${text}”`, async () => {
    page = await browser.get(path);
    return page.text.includes(text);
  });
  return page;
}

describe('the first event', () => {
  it('waits until it is stored, and then shows what /resolve says', async () => {
    const { browser } = await loggedInAs('DEVELOPER');
    const form = await browser.get(`${baseOf(partner)}/first-event`);
    const waiting = await browser.submit(form, {
      userExternalId: 'first-user',
      eventType: 'mir.transaction.completed',
    });
    expect(waiting.path).toMatch(/first-event\/sent\?event=evt_live_/);
    expect(waiting.path).not.toContain('first-user');
    const stored = await waitForPage(browser, waiting.path, 'The event is stored');
    expect(stored.text).toContain('Tier 1');
    const found = await browser.submit(await browser.get(`${baseOf(partner)}/users`), { userExternalId: 'first-user' });
    expect(found.text).toMatch(/first-user.*Tier 1.*Events\s*1/);
  });
});

describe('the pages about agents', () => {
  async function tree(): Promise<{ root: string; rootKey: string; child: string; childKey: string }> {
    const root = await insertAgent(mir.ctx.store, partner, { name: 'Orders orchestrator' });
    const child = await insertAgent(mir.ctx.store, partner, { name: 'Orders bot' }, root);
    return { root: root.agentId, rootKey: root.apiKey, child: child.agentId, childKey: child.apiKey };
  }

  it('find an agent by its name and show its path', async () => {
    const { root, child } = await tree();
    const { browser } = await loggedInAs('VIEWER');
    const found = await browser.submit(await browser.get(`${baseOf(partner)}/agents`), { name: 'Orders b' });
    expect(found.html).toContain(`/agents/view?agent=${child}`);
    const page = await browser.get(`${baseOf(partner)}/agents/view?agent=${child}`);
    expect(page.html).toContain(`/agents/view?agent=${root}`);
    expect(page.text).not.toContain('Stop…');
  });

  it('stop an agent and everything below it only when its name is typed, and report it', async () => {
    const { root, rootKey, childKey } = await tree();
    const { browser } = await loggedInAs('AGENT_MANAGER');
    const form = await browser.get(`${baseOf(partner)}/agents/stop?agent=${root}`);
    expect(form.text).toContain('2 agents, of which 2 active');
    const rejected = await browser.submit(form, { name: 'Orders', action: 'revoke' });
    expect(rejected.status).toBe(422);
    expect(rejected.text).toContain('Please fix 2 problems');
    expect((await mir.client.get('/v1/events', childKey)).status).toBe(200);

    const fields = { name: 'Orders orchestrator', reason: 'Refunds without an order', action: 'revoke' };
    const report = await browser.submit(rejected, fields);
    expect(report.path).toContain('/agents/report?kill=');
    for (const key of [rootKey, childKey]) expect((await mir.client.get('/v1/events', key)).status).toBe(401);
    const done = await waitForPage(browser, report.path, 'All keys deleted');
    expect(done.text).toMatch(/2 of 2.*Refunds without an order/);
    expect(done.headers.get('refresh')).toBeNull();
  });

  it('suspend instead, which can be undone', async () => {
    const { root, childKey } = await tree();
    const { browser } = await loggedInAs('AGENT_MANAGER');
    const form = await browser.get(`${baseOf(partner)}/agents/stop?agent=${root}`);
    const page = await browser.submit(form, { name: 'Orders orchestrator', reason: 'checking', action: 'suspend' });
    expect(page.text).toContain('Suspended');
    expect((await mir.client.get('/v1/events', childKey)).body.code).toBe('AGENT_SUSPENDED');
  });
});

describe('the pages about webhooks', () => {
  let receiver: WebhookReceiver;
  beforeAll(async () => {
    receiver = await startWebhookReceiver();
  });
  afterAll(() => receiver.close());

  it('add an endpoint, send it a test message, and show and repeat the delivery', async () => {
    const url = receiver.urlOf('/portal');
    const { browser } = await loggedInAs('DEVELOPER');
    const created = await browser.submit(await browser.get(`${baseOf(partner)}/webhooks/new`), { url });
    expect(created.root.querySelector('#secret')!.text).toMatch(/^whsec_/);
    const open = created.root.querySelector('main .actions a')!.getAttribute('href')!;
    const action = `${baseOf(partner)}/webhooks`;
    const tested = await browser.submit(await browser.get(open), {}, { action: `${action}/test` });
    expect(tested.text).toContain('A test message is on its way');
    const delivered = await waitForPage(browser, open, 'Delivered');
    await browser.submit(delivered, {}, { action: `${action}/resend` });
    await waitUntil('the message arrives twice', () => receiver.received.length >= 2);
    const deletion = await browser.get(open.replace('/view', '/delete'));
    const done = await browser.submit(deletion, {});
    expect(done.text).toContain('The endpoint is deleted');
    expect((await browser.get(open)).status).toBe(404);
  });

  it('say what is wrong with an address', async () => {
    const { browser } = await loggedInAs('DEVELOPER');
    const page = await browser.submit(await browser.get(`${baseOf(partner)}/webhooks/new`), { url: 'nowhere' });
    expect(page.status).toBe(422);
    expect(page.text).toContain('Please fix 1 problem');
  });
});
