import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { anEvent } from '../../../support/builders';
import type { VisitedPage } from '../../../support/browser-session';
import type { Harness, TestPartner } from '../../../support/harness';
import { PASSWORD, startHarnessForPeople } from '../../../support/people';
import { baseOf, type LoggedIn, logInMember, waitForPage } from '../../../support/portal-session';
import { waitUntil } from '../../../support/wait-until';

let mir: Harness;
let partner: TestPartner;
let admin: LoggedIn;
let viewer: LoggedIn;
beforeAll(async () => {
  mir = await startHarnessForPeople();
  partner = await mir.partner({ name: 'Harbour Market' });
  [admin, viewer] = [await logInMember(mir, partner, 'ADMINISTRATOR'), await logInMember(mir, partner, 'VIEWER')];
});
afterAll(() => mir.close());

const at = (path: string): string => baseOf(partner) + path;
const linkOf = ({ root }: VisitedPage, text: string): string => {
  const link = root.querySelectorAll('main a').find((one) => one.text.trim().startsWith(text));
  if (!link) throw new Error(`no link ${text} in ${root.querySelector('main')?.text}`);
  return link.getAttribute('href')!;
};
/** The texts of a table's first column. */
const firstColumn = ({ root }: VisitedPage, caption: string): string[] =>
  root.querySelectorAll(`[aria-label="${caption}"] tbody th`).map(({ text }) => text.trim());

/** Submits a batch with a new, a repeated, a conflicting and an invalid event. Returns its receipt. */
async function submitMixedBatch(requestId: string): Promise<string> {
  const event = (key: string, changes = {}) =>
    anEvent({ userExternalId: `u-${requestId}`, idempotencyKey: `${key}-${requestId}`, ...changes });
  const first = await mir.client.post('/v1/events', partner.liveKey, { events: [event('a'), event('b')] });
  const url = `/v1/events/receipts/${first.body.receiptId as string}`;
  await waitUntil('the first batch is stored', async () => {
    return (await mir.client.get(url, partner.liveKey)).body.status === 'DONE';
  });
  const events = [event('new'), event('a'), event('b', { weight: 7 }), event('invalid', { eventType: '' })];
  const sent = await mir.client.post('/v1/events', partner.liveKey, { events }, { 'x-request-id': requestId });
  expect(sent).toMatchObject({ status: 202, body: { accepted: 3, rejected: 1 } });
  await mir.ctx.rejections.flush();
  return sent.body.receiptId as string;
}

describe('the pages about receipts and requests', () => {
  it('explain each outcome of a batch, and lead to its events and to what was rejected with it', async () => {
    const receiptId = await submitMixedBatch('mixed-1');
    const path = at(`/receipts/view?receipt=${receiptId}`);
    const page = await waitForPage(viewer.browser, path, 'Some events are in conflict');
    expect(page.text).toMatch(/Stored 1 .*Repeated 1 MIR had already stored.*Conflict 1 Your idempotency key/);
    expect(page.text).toMatch(/Conflict Open MIR received the first event/);
    expect(page.text).toMatch(/Rejected at the same moment.*mixed-1/);
    const guide = await viewer.browser.get('/guide');
    const [, code] = linkOf(page, 'INVALID_FORMAT').split('#');
    expect(guide.root.querySelectorAll(`tr[id="${code}"]`)).toHaveLength(1);
    const event = await viewer.browser.get(linkOf(page, 'mir.transaction.completed'));
    expect(event.text).toMatch(/^Event .*Type mir\.transaction\.completed/);
    const list = await viewer.browser.get(at('/receipts'));
    expect(list.html).toContain(encodeURIComponent(receiptId));
    const failures = await viewer.browser.get(linkOf(list, 'Only with failures'));
    const shown = failures.root.querySelectorAll('[aria-label="Receipts"] tbody tr');
    expect(shown.map(({ text }) => text.includes('with failures'))).toEqual([true]);
  });

  it('say what to do about an ID that leads nowhere', async () => {
    const { status, text } = await viewer.browser.get(at('/receipts/view?receipt=rcpt_test_x'));
    expect([status, text.includes('begin with rcpt_live_')]).toEqual([404, true]);
    const tooLong = await viewer.browser.get(at(`/receipts/view?receipt=${'r'.repeat(300)}`));
    expect(tooLong.status).toBe(404);
  });

  it('find what a request did: rejected events, the receipt of the others, and changes', async () => {
    const receiptId = await submitMixedBatch('mixed-2');
    await waitForPage(viewer.browser, at(`/receipts/view?receipt=${receiptId}`), 'Some events are in conflict');
    const page = await viewer.browser.get(at('/requests?request=mixed-2'));
    expect(page.text).toMatch(/Rejected events.*mixed-2.*Accepted at the same moment/);
    expect(page.html).toContain(encodeURIComponent(receiptId));
    const key = { name: 'Made by a request' };
    await mir.client.post('/v1/keys', partner.liveKey, key, { 'x-request-id': 'changes-1' });
    expect((await viewer.browser.get(at('/requests?request=changes-1'))).text).toMatch(/Changes.*API key created/);
    const nothing = await viewer.browser.get(at('/requests?request=mixed'));
    expect(nothing.text).toMatch(/Nothing is recorded under this ID.*MIR accepted all of its events/);
  });

  it('filter rejections by reason and request, and keep the filter on the next page', async () => {
    const empty = Array.from({ length: 60 }, () => ({ eventType: 'mir.transaction.completed' }));
    await mir.client.post('/v1/events', partner.liveKey, { events: empty }, { 'x-request-id': 'sixty' });
    await mir.ctx.rejections.flush();
    const page = await viewer.browser.get(at('/rejections?request=sixty&code=REQUIRED'));
    expect(firstColumn(page, 'Rejected events')).toHaveLength(50);
    const next = await viewer.browser.get(linkOf(page, 'Next page').replaceAll('&amp;', '&'));
    expect(next.path).toContain('request=sixty');
    expect(firstColumn(next, 'Rejected events')).toHaveLength(10);
    const wrong = await viewer.browser.get(at(`/rejections?code=${'x'.repeat(101)}`));
    expect([wrong.status, wrong.root.querySelector('#code')!.getAttribute('aria-invalid')]).toEqual([422, 'true']);
  });
});

describe('the pages about a user', () => {
  const findUser = async ({ browser }: LoggedIn, userExternalId: string): Promise<VisitedPage> =>
    browser.submit(await browser.get(at('/users')), { userExternalId });

  it('show signals, the link and the last events, and offer only what the role allows', async () => {
    await mir.client.post('/v1/events', partner.liveKey, anEvent({ userExternalId: 'shown' }));
    let page = await findUser(viewer, 'shown');
    await waitUntil('the event is stored', async () => {
      page = await findUser(viewer, 'shown');
      return page.text.includes('Events 1');
    });
    expect(page.text).toMatch(/Not linked.*Your last events about this user.*mir\.transaction\.completed/);
    expect(page.text).not.toMatch(/Connect…|Erase…/);
    expect((await findUser(admin, 'shown')).text).toMatch(/Connect….*Erase…/);
  });

  it.each([
    ['a link code', 'CODE', /^[\dA-Z]{4}-[\dA-Z]{4}$/, /Open link code/],
    ['an invitation', 'INVITE', /\/link\/[\w-]{43}$/, /Open invitation/],
  ])('create %s that is shown once', async (_, kind, format, state) => {
    const user = `connects by ${kind}`;
    const found = await findUser(admin, user);
    const form = await admin.browser.submit(found, {}, { action: at('/users/connect') });
    const created = await admin.browser.submit(form, { kind, accountLabel: 'a•••n' });
    const secret = created.root.querySelector('#link-secret')!.text;
    expect(secret).toMatch(format);
    expect(created.headers.get('cache-control')).toBe('no-store');
    const back = await admin.browser.submit(created, {});
    expect(back.text).toMatch(state);
    expect(back.html).not.toContain(secret);
    const invalid = await admin.browser.submit(form, { kind, accountLabel: 'a "quoted" label' });
    expect([invalid.status, invalid.text.includes('Please fix 1 problem')]).toEqual([422, true]);
  });

  it('erase a user only when the ID is typed, and follow it until every event is deleted', async () => {
    const key = partner.liveKey;
    const { receiptId } = (await mir.client.post('/v1/events', key, anEvent({ userExternalId: 'leaves' }))).body;
    await waitForPage(
      admin.browser,
      at(`/receipts/view?receipt=${receiptId as string}`),
      'Every event has its outcome',
    );
    const found = await findUser(admin, 'leaves');
    const preview = await admin.browser.submit(found, {}, { action: at('/users/erase') });
    expect(preview.text).toMatch(/What is deleted Stored 1 event.*What remains/);
    const rejected = await admin.browser.submit(preview, { confirmation: 'leave' });
    expect([rejected.status, rejected.text.includes('Type the ID exactly: leaves')]).toEqual([422, true]);
    const resolved = await mir.client.post('/v1/resolve', key, { userExternalId: 'leaves' });
    expect(resolved.body.eventCount).toBe(1);

    const ordered = await admin.browser.submit(rejected, { confirmation: 'leaves' });
    expect(ordered.path).toMatch(/\/users\/erasure\?erasure=ers_live_/);
    const done = await waitForPage(admin.browser, ordered.path, 'The user is erased');
    expect(done.text).toContain('Events deleted 1');
    expect(done.headers.get('refresh')).toBeNull();
    const tenant = tenantOf(partner.partnerId, 'live');
    expect(
      await mir.ctx.store.events.model.countDocuments({ tenant, userRef: mir.ctx.secrets.userRef(tenant, 'leaves') }),
    ).toBe(0);
  });

  it('ask for the password before an erasure, and continue with the user, whose ID is in no address', async () => {
    const member = await logInMember(mir, partner, 'ADMINISTRATOR');
    const found = await findUser(member, 'shown');
    const confirmedAt = new Date(Date.now() - 3_600_000);
    await mir.ctx.store.staffSessions.model.updateMany({ userId: member.staffId }, { confirmedAt });
    const confirm = await member.browser.submit(found, {}, { action: at('/users/erase') });
    expect([confirm.status, confirm.path]).toEqual([403, at('/users/erase')]);
    const preview = await member.browser.submit(confirm, { password: PASSWORD });
    expect(preview.path).toBe(at('/users/erase'));
    expect(preview.text).toContain('What is deleted');
    expect(preview.text).toContain('Type shown to confirm');
    const form = await member.browser.get(at('/users/erase'));
    const empty = await member.browser.submit(form, { userExternalId: '' });
    expect([empty.status, empty.text.includes('Enter your own ID of a user')]).toEqual([422, true]);
  });
});

describe('the pages about keys', () => {
  async function createKey(fields: Record<string, string>): Promise<VisitedPage> {
    return admin.browser.submit(await admin.browser.get(at('/keys/new')), fields);
  }

  it('create a restricted key, and show its restrictions', async () => {
    const created = await createKey({
      name: 'Restricted',
      expiresAt: '30',
      allowedIps: '203.0.113.7\n2001:db8::/48',
      allowedEventTypes: 'mir.review.*',
    });
    expect(created.text).toMatch(/Only from 203\.0\.113\.7.*Only event types mir\.review\.\*/);
    const key = created.root.querySelector('#api-key')!.text;
    expect((await mir.client.get('/v1/events', key)).status).toBe(403);
    const view = await viewer.browser.get(linkOf(created, 'Open the key'));
    expect(view.text).toMatch(/^Restricted .*Expires.*Only from 203\.0\.113\.7.*Submit events.*API key created/);
    expect(view.text).not.toContain('Rotate…');
    const wrong = await createKey({ name: 'Wrong', allowedIps: 'nowhere' });
    expect(wrong.status).toBe(422);
    expect(wrong.root.querySelector('#allowedIps')!.getAttribute('aria-invalid')).toBe('true');
    expect(wrong.root.querySelector('details')!.hasAttribute('open')).toBe(true);
  });

  it('rotate a key with an overlap, in which both secrets work', async () => {
    const created = await createKey({ name: 'Rotated' });
    const before = created.root.querySelector('#api-key')!.text;
    const view = await admin.browser.get(linkOf(created, 'Open the key'));
    const form = await admin.browser.get(linkOf(view, 'Rotate…'));
    const rotated = await admin.browser.submit(form, { overlapSeconds: '3600', reason: 'Yearly' });
    const after = rotated.root.querySelector('#api-key')!.text;
    expect(rotated.headers.get('cache-control')).toBe('no-store');
    expect(after).not.toBe(before);
    for (const key of [before, after]) expect((await mir.client.get('/v1/usage', key)).status).toBe(200);
    expect((await admin.browser.get(at('/keys'))).text).toMatch(/Rotated ◌ Rotating/);
    expect((await admin.browser.get(at(''))).text).toMatch(/Key Rotated Previous secret stops working/);
    const leaked = await admin.browser.submit(form, { overlapSeconds: '0' });
    expect(leaked.text).toContain('No longer works');
    for (const key of [before, after]) expect((await mir.client.get('/v1/usage', key)).status).toBe(401);
  });

  it('lead back to the same key after the confirmation of the log-in', async () => {
    const member = await logInMember(mir, partner, 'DEVELOPER');
    const page = await member.browser.get(at('/keys'));
    const path = linkOf(page, 'Restricted').replace('/view?', '/rotate?');
    const confirmedAt = new Date(Date.now() - 3_600_000);
    await mir.ctx.store.staffSessions.model.updateMany({ userId: member.staffId }, { confirmedAt });
    const confirmed = await member.browser.submit(await member.browser.get(path), { password: PASSWORD });
    expect([confirmed.path, confirmed.text.includes('Rotate Restricted')]).toEqual([path, true]);
  });

  it('sort by a column, and say so to screen readers', async () => {
    const sorted = await viewer.browser.get(at('/keys?sort=name&order=desc'));
    const names = firstColumn(sorted, 'API keys');
    expect(names).toEqual(names.toSorted((a, b) => b.localeCompare(a)));
    expect(sorted.root.querySelectorAll('[aria-sort]').map((one) => one.getAttribute('aria-sort'))).toEqual([
      'descending',
    ]);
    const reversed = await viewer.browser.get(linkOf(sorted, 'Name').replaceAll('&amp;', '&'));
    expect(firstColumn(reversed, 'API keys')).toEqual(names.toReversed());
    const members = await viewer.browser.get(at('/members?sort=role&order=desc'));
    expect(members.text).toMatch(/Administrator.*Viewer/);
  });
});

describe('the page about usage', () => {
  it('shows a month, and exports its days and hours', async () => {
    await mir.ctx.usage.flush();
    const month = new Date().toISOString().slice(0, 7);
    const page = await viewer.browser.get(at(`/usage?month=${month}`));
    expect(page.root.querySelector('option[selected]')!.getAttribute('value')).toBe(month);
    expect(firstColumn(page, 'Events by day').length).toBeGreaterThan(0);
    const csv = await viewer.browser.get(linkOf(page, 'Download as CSV').replaceAll('&amp;', '&'));
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(csv.headers.get('content-disposition')).toBe(`attachment; filename="mir-usage-live-${month}-by-day.csv"`);
    expect(csv.headers.get('cache-control')).toBe('no-store');
    const [head, first] = csv.html.split('\r\n');
    expect(head).toMatch(/^from,events_stored,events_repeated,.*,requests,requests_/);
    expect(first!.split(',')).toHaveLength(head!.split(',').length);
    const hours = await viewer.browser.get(at('/usage/export?bucket=hour'));
    expect(hours.status).toBe(200);
    expect(hours.html.split('\r\n')[1]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:00:00\.000Z,\d+,/);
    const other = await viewer.browser.get(at('/usage?month=1999-01'));
    expect([other.status, other.text.includes('The last 30 days')]).toEqual([200, true]);
  });
});
