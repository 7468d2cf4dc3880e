import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MemberRole } from '../../../../shared/domain/roles';
import type { VisitedPage } from '../../../support/browser-session';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import { sharedHarnessForPeople } from '../../../support/people';
import { baseOf, type LoggedIn, logInMember } from '../../../support/portal-session';

/** More than a page shows. */
const CHILDREN = 60;
const AN_HOUR_MS = 3_600_000;

let mir: Harness;
let partner: TestPartner;
let root: TestAgent;
let branch: TestAgent;
let leaf: TestAgent;
let manager: LoggedIn;
beforeAll(async () => {
  mir = await sharedHarnessForPeople();
  partner = await mir.partner({ name: 'Harbour Market' });
  const { store } = mir.ctx;
  const owner = { name: 'Ada Ops', email: 'ada@harbour.example' };
  const expiresAt = new Date(Date.now() + 2 * AN_HOUR_MS);
  root = await insertAgent(store, partner, { name: 'Orders orchestrator', owner, expiresAt, childCount: CHILDREN });
  branch = await insertAgent(store, partner, { name: 'Branch', childCount: 1 }, root);
  leaf = await insertAgent(store, partner, { name: 'Leaf', status: 'SUSPENDED' }, branch);
  for (let n = 1; n < CHILDREN; n += 1) await insertAgent(store, partner, { name: `Child ${n}` }, root);
  manager = await logInMember(mir, partner, 'AGENT_MANAGER');
});
afterAll(() => mir.close());

const pathOf = (page: string): string => `${baseOf(partner)}/agents${page}`;
const open = (page: string, { browser }: Pick<LoggedIn, 'browser'> = manager): Promise<VisitedPage> =>
  browser.get(pathOf(page));
const namesIn = ({ root: html }: VisitedPage): string[] => html.querySelectorAll('.name a').map(({ text }) => text);
const loggedInAs = (role: MemberRole): Promise<LoggedIn> => logInMember(mir, partner, role);

describe('the tree of agents', () => {
  it('shows the agents without a parent with their facts, and which of them can be opened', async () => {
    const page = await open('');
    expect(namesIn(page)).toEqual(['Orders orchestrator']);
    expect(page.root.querySelector('.tree > ul > li')!.text).toMatch(
      /Orders orchestrator●\s*ActiveOwner Ada OpsLast active NeverExpires in 2 hours/,
    );
    const details = page.root.querySelector('details')!;
    expect(details.getAttribute('hx-get')).toBe(pathOf(`/rows?parent=${root.agentId}`));
    // What browsers without scripts show in an opened row.
    expect(details.querySelector('ul a')!.getAttribute('href')).toBe(pathOf(`/view?agent=${root.agentId}`));
  });

  it('returns the rows below an agent a page at a time, each agent once', async () => {
    const rows = await open(`/rows?parent=${root.agentId}`);
    expect(rows.html).not.toContain('<html');
    expect(rows.root.querySelector('[autofocus]')).toBeNull();
    const more = rows.root.querySelector('.more a')!;
    const rest = await manager.browser.get(more.getAttribute('hx-get')!);
    // The link that had the focus is gone.
    expect(rest.root.querySelector('[autofocus]')!.text).toBe(namesIn(rest)[0]);
    const names = [...namesIn(rows), ...namesIn(rest)];
    expect([names.length, new Set(names).size]).toEqual([CHILDREN, CHILDREN]);
    expect(rest.root.querySelector('.more')?.text ?? '').not.toContain('Show more');
    // Without scripts, the same rows are on the agent's page.
    expect(namesIn(await manager.browser.get(more.getAttribute('href')!))).toEqual(namesIn(rest));
    const branchRow = rest.root.querySelectorAll('details').find(({ text }) => text.includes('Branch'))!;
    expect(branchRow.getAttribute('hx-get')).toContain(branch.agentId);
  });

  it('lists the agents with a status', async () => {
    expect(namesIn(await open('?status=SUSPENDED'))).toEqual(['Leaf']);
    expect((await open('?status=REJECTED')).text).toContain('No agent is rejected');
  });

  it.each([
    ['name', 'Lea'],
    ['agentId', () => leaf.agentId],
    ['keyPrefix', () => leaf.apiKey.slice(0, 30)],
  ])('finds agents by %s', async (by, text) => {
    const page = await open('');
    const found = await manager.browser.submit(page, { by, text: typeof text === 'string' ? text : text() });
    expect(found.text).toMatch(/Found.*Leaf/);
    expect(found.path).toBe(pathOf(''));
  });

  it('finds agents by owner, and says what is missing in a search', async () => {
    const found = await manager.browser.submit(await open(''), { by: 'owner', text: 'ADA@harbour.example' });
    expect(found.text).toContain('Orders orchestrator');
    const empty = await manager.browser.submit(found, { by: 'owner', text: ' ' });
    expect([empty.status, empty.text.includes('Enter what to look for.')]).toEqual([422, true]);
  });
});

describe('the page of an agent', () => {
  it('shows its lineage, the limits that apply, what it may do, and its history', async () => {
    const events = [{ userExternalId: 'u-1', eventType: 'mir.transaction.completed', idempotencyKey: 'tree-1' }];
    await mir.client.post('/v1/events', branch.apiKey, { events });
    await mir.client.post(`/v1/agents/${branch.agentId}/suspend`, partner.liveKey, { reason: 'looks odd' });
    const page = await open(`/view?agent=${branch.agentId}`);
    expect(page.root.querySelector('.path')!.text).toContain('Orders orchestrator');
    expect(page.text).toMatch(/Expires in 2 hours · set by an agent above/);
    expect(page.text).toContain('mir.transaction.*');
    expect(page.text).toMatch(/Agent suspended API key key_.* looks odd/);
    expect(namesIn(page)).toEqual(['Leaf']);
    await mir.client.post(`/v1/agents/${branch.agentId}/reactivate`, partner.liveKey, {});
  });

  it('offers changes only to roles that may make them', async () => {
    const viewer = await loggedInAs('VIEWER');
    const actions = ({ html }: VisitedPage): string[] =>
      ['change', 'key', 'suspend', 'stop'].filter((one) => html.includes(pathOf(`/${one}?`)));
    expect(actions(await open(`/view?agent=${branch.agentId}`, viewer))).toEqual([]);
    expect(actions(await open(`/view?agent=${branch.agentId}`))).toEqual(['change', 'key', 'suspend', 'stop']);
  });

  it('is a 404 for an agent of another environment', async () => {
    const page = await manager.browser.get(`${baseOf(partner, 'test')}/agents/view?agent=${root.agentId}`);
    expect(page.status).toBe(404);
  });
});

describe('the pages that change an agent', () => {
  it('suspend it with a reason, and reactivate it', async () => {
    const { agentId, apiKey } = await insertAgent(mir.ctx.store, partner, { name: 'Paused bot' }, root);
    const form = await open(`/suspend?agent=${agentId}`);
    const rejected = await manager.browser.submit(form, { reason: '' });
    expect([rejected.status, rejected.text.includes('Enter a reason of at most 500 characters')]).toEqual([422, true]);
    const suspended = await manager.browser.submit(rejected, { reason: 'checking' });
    expect(suspended.text).toContain('The agent is suspended.');
    expect((await mir.client.get('/v1/events', apiKey)).body.code).toBe('AGENT_SUSPENDED');
    const again = await manager.browser.submit(await open(`/suspend?agent=${agentId}`), { reason: 'fine' });
    expect(again.text).toContain('The suspension is lifted.');
    expect((await mir.client.get('/v1/events', apiKey)).status).toBe(200);
  });

  it('show a new key once, which then works instead of the old one', async () => {
    const { agentId, apiKey: old } = await insertAgent(mir.ctx.store, partner, { name: 'Keyed bot' }, root);
    const created = await manager.browser.submit(await open(`/key?agent=${agentId}`), { reason: 'leaked' });
    expect(created.headers.get('cache-control')).toBe('no-store');
    const key = created.root.querySelector('#api-key')!.text.trim();
    expect((await mir.client.get('/v1/events', key)).status).toBe(200);
    expect((await mir.client.get('/v1/events', old)).status).toBe(401);
    expect((await open(`/view?agent=${agentId}`)).html).not.toContain(key);
  });

  it('change only what was edited, and name the member in the audit log', async () => {
    const expiresAt = new Date(Date.now() + AN_HOUR_MS);
    const { agentId } = await insertAgent(mir.ctx.store, partner, { name: 'Edited bot', expiresAt });
    const form = await open(`/change?agent=${agentId}`);
    const fields = { ownerName: 'Bo Ops', ownerEmail: 'bo@harbour.example', idleHours: '48', reason: 'handover' };
    const changed = await manager.browser.submit(form, fields);
    expect(changed.text).toContain('The change is in force');
    expect(changed.text).toMatch(/After 2 days without a request/);
    const { body } = await mir.client.get(`/v1/agents/${agentId}`, partner.liveKey);
    expect(body).toMatchObject({
      owner: { name: 'Bo Ops', email: 'bo@harbour.example' },
      idleTimeoutSeconds: 172_800,
      expiresAt: expiresAt.toISOString(),
      rateLimitPerMinute: null,
    });
    const { data } = (await mir.client.get(`/v1/audit?target=${agentId}`, partner.liveKey)).body;
    expect(data[0]).toMatchObject({ reason: 'handover', actor: { kind: 'MEMBER', memberId: manager.memberId } });
  });

  it('say what is wrong beside each field, and keep what was entered', async () => {
    const form = await open(`/change?agent=${branch.agentId}`);
    const fields = { ownerEmail: 'nobody', idleHours: 'often', rateLimitPerMinute: '-1', allowedEventTypes: '*' };
    const rejected = await manager.browser.submit(form, { ...fields, reason: '' });
    expect(rejected.status).toBe(422);
    for (const name of ['ownerEmail', 'idleHours', 'rateLimitPerMinute', 'reason']) {
      expect([name, rejected.root.querySelector(`#${name}-error`) !== null]).toEqual([name, true]);
    }
    expect(rejected.root.querySelector('#idleHours')!.getAttribute('value')).toBe('often');
    const widened = await manager.browser.submit(rejected, {
      ownerEmail: '',
      idleHours: '',
      rateLimitPerMinute: '',
      allowedEventTypes: 'mir.review.*',
      reason: 'more',
    });
    expect([widened.status, widened.root.querySelector('#allowedEventTypes-error') !== null]).toEqual([422, true]);
  });
});
