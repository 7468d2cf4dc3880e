import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import type { MemberRole } from '../../../../shared/domain/roles';
import type { VisitedPage } from '../../../support/browser-session';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { PASSWORD, startHarnessForPeople } from '../../../support/people';
import { baseOf, type LoggedIn, logInMember } from '../../../support/portal-session';
import { waitUntil } from '../../../support/wait-until';

let mir: Harness;
let partner: TestPartner;
let manager: LoggedIn;
let base: string;
beforeAll(async () => {
  mir = await startHarnessForPeople();
  partner = await mir.partner({ name: 'Harbour Market' });
  base = baseOf(partner);
  manager = await logInMember(mir, partner, 'AGENT_MANAGER');
});
afterAll(() => mir.close());

const loggedInAs = (role: MemberRole, of = partner): Promise<LoggedIn> => logInMember(mir, of, role);
const open = (path: string, { browser } = manager): Promise<VisitedPage> => browser.get(base + path);
const setPolicy = async (policy: object, of = partner): Promise<void> => {
  const { status } = await mir.client.request('PUT', '/v1/agents/policy', { key: of.liveKey, body: policy });
  expect(status).toBe(200);
};
/** Selects and text areas, which the session does not fill in. */
const AGENT = {
  name: 'Nightly report',
  type: 'SERVICE_ACCOUNT',
  preset: 'STANDARD',
  allowedEventTypes: 'mir.transaction.*\nmir.account.*',
};

describe('the pages about approvals', () => {
  async function spawned(name: string): Promise<{ approvalId: string; parentName: string }> {
    const parentName = `Parent of ${name}`;
    await setPolicy({ spawnEnabled: true, approval: { fromDepth: 1 } });
    const parent = await insertAgent(mir.ctx.store, partner, { name: parentName, preset: 'ORCHESTRATOR' });
    const path = `/v1/agents/${parent.agentId}/spawn`;
    const { status, body } = await mir.client.post(
      path,
      parent.apiKey,
      { name },
      { 'Idempotency-Key': name.replace(' ', '-') },
    );
    expect(status).toBe(202);
    return { approvalId: body.approvalId, parentName };
  }

  it('show who asks for what, and approve it with a key that works', async () => {
    const { parentName } = await spawned('Refund bot');
    const list = await open('/approvals');
    expect(list.text).toMatch(new RegExp(`Refund bot.*${parentName}.*ORCHESTRATOR`));
    expect(list.root.querySelector('.side .count')!.text).toBe('1');
    expect((await open('')).text).toMatch(/1 agent\s*Awaiting approval\s*Decide/);
    const link = list.root.querySelectorAll('main a').find(({ text }) => text === 'Refund bot')!;
    const form = await manager.browser.get(link.getAttribute('href')!);
    expect(form.text).toMatch(/Submit events.*create agents below it.*mir\.transaction\.\*/);
    const approved = await manager.browser.submit(form, { reason: 'Checked', action: 'approve' });
    const key = approved.root.querySelector('#api-key')!.text;
    expect((await mir.client.get('/v1/events', key)).status).toBe(200);
    const after = await open('/approvals');
    expect(after.text).toMatch(/Nothing to decide.*Refund bot.*Approved.*Checked/);
    expect(after.html).not.toContain(key);
    const again = await manager.browser.submit(form, { action: 'approve' });
    expect([again.status, again.root.querySelector('#api-key')]).toEqual([422, null]);
    expect(again.text).toContain('This is decided');
  });

  it('reject permanently, only with a reason', async () => {
    const { approvalId } = await spawned('Unwanted bot');
    const form = await open(`/approvals/view?approval=${approvalId}`);
    const rejected = await manager.browser.submit(form, { action: 'reject' });
    expect([rejected.status, rejected.text.includes('Enter a reason.')]).toEqual([422, true]);
    const done = await manager.browser.submit(rejected, { reason: 'Not needed', action: 'reject' });
    expect(done.text).toMatch(/The agent is rejected.*Unwanted bot.*Rejected.*Not needed/);
  });

  it('let only another person approve what a member asked for, and name one', async () => {
    await setPolicy({ approval: { presets: ['STANDARD'] } });
    const other = await loggedInAs('ADMINISTRATOR');
    const pending = await manager.browser.submit(await open('/agents/new'), AGENT);
    expect(pending.text).toContain('awaits approval');
    expect(pending.root.querySelector('#api-key')).toBeNull();
    const href = pending.root.querySelector('main .actions a')!.getAttribute('href')!;
    const form = await manager.browser.get(href);
    const { name } = (await mir.ctx.store.staff.model.findById(other.staffId).lean())!;
    expect(form.text).toContain('another person must approve it');
    expect(form.text).toContain(name);
    expect(form.text).not.toContain('Approve and show the key');
    const forced = await manager.browser.submit(form, { action: 'approve' });
    expect([forced.status, forced.text.includes('another person must decide')]).toEqual([422, true]);
    const approved = await other.browser.submit(await other.browser.get(href), { action: 'approve' });
    expect(approved.text).toContain('Approved: copy the key now');
  });

  it('ask for the password before they approve', async () => {
    const { approvalId } = await spawned('Late bot');
    const member = await loggedInAs('AGENT_MANAGER');
    const path = `${base}/approvals/view?approval=${approvalId}`;
    const early = await member.browser.get(path);
    const confirmedAt = new Date(Date.now() - 3_600_000);
    await mir.ctx.store.staffSessions.model.updateMany({ userId: member.staffId }, { confirmedAt });
    const confirm = await member.browser.submit(early, { action: 'approve' });
    expect([confirm.status, confirm.text.includes('Nothing is changed yet.')]).toEqual([403, true]);
    const wrong = await member.browser.submit(confirm, { password: 'wrong horse battery' });
    expect([wrong.status, wrong.text.includes('The password is wrong')]).toEqual([422, true]);
    expect((await member.browser.submit(wrong, { password: PASSWORD })).text).toContain('copy the key now');
  });

  it('do not exist at another partner', async () => {
    const { approvalId } = await spawned('Foreign bot');
    const other = await mir.partner();
    const { browser } = await loggedInAs('AGENT_MANAGER', other);
    const path = `${baseOf(other)}/approvals/view?approval=${approvalId}`;
    expect((await browser.get(path)).status).toBe(404);
  });
});

describe('the pages about the policy', () => {
  const policy = async (): Promise<Record<string, unknown>> =>
    (await mir.client.get('/v1/agents/policy', partner.liveKey)).body;

  it('set every rule, and name the member who changed them', async () => {
    await setPolicy({});
    const saved = await manager.browser.submit(await open('/policy/edit'), {
      spawnEnabled: 'on',
      maxSpawnDepth: '3',
      maxChildrenPerAgent: '1,000',
      maxAgentsPerRoot: '5000',
      maxSpawnsPerMinute: '60',
      ownerRequired: 'on',
      agentEventVisibility: 'SUBTREE',
      'maxLifetimeSeconds.ADMIN': '1 day',
      'maxIdleSeconds.STANDARD': '12 h',
      'approval.presets.ADMIN': 'on',
      'approval.fromDepth': '2',
      'approval.fromAgentsPerRoot': '500',
      'approval.expiresInSeconds': '2 days',
      reason: 'Agreed with security',
    });
    expect(saved.text).toMatch(/The policy is saved.*Deepest level: 8 → 3.*Agreed with security/);
    const expected = {
      spawnEnabled: true,
      maxSpawnDepth: 3,
      maxChildrenPerAgent: 1_000,
      maxAgentsPerRoot: 5_000,
      maxSpawnsPerMinute: 60,
      ownerRequired: true,
      agentEventVisibility: 'SUBTREE',
      maxLifetimeSeconds: { ADMIN: 86_400 },
      maxIdleSeconds: { STANDARD: 43_200 },
      approval: { presets: ['ADMIN'], fromDepth: 2, fromAgentsPerRoot: 500, expiresInSeconds: 172_800 },
    };
    expect(await policy()).toEqual(expected);
    // A form that is sent unchanged keeps every rule.
    await manager.browser.submit(await open('/policy/edit'), { agentEventVisibility: 'SUBTREE' });
    expect(await policy()).toEqual(expected);
  });

  it('list every problem and keep what was entered', async () => {
    const form = await open('/policy/edit');
    const fields = { maxSpawnDepth: '99', 'maxIdleSeconds.ADMIN': 'soon', 'approval.expiresInSeconds': '1 s' };
    const page = await manager.browser.submit(form, { ...fields, agentEventVisibility: 'PARTNER' });
    expect(page.status).toBe(422);
    expect(page.text).toMatch(/Please fix 3 problems.*from 1 to 32.*1 minute to 366 days.*1 minute to 30 days/);
    const kept = Object.keys(fields).map((name) => page.root.querySelector(`[name="${name}"]`)!.getAttribute('value'));
    expect(kept).toEqual(Object.values(fields));
  });

  it('show what changed in the meantime without losing what was entered', async () => {
    await setPolicy({ maxSpawnDepth: 4 });
    const form = await open('/policy/edit');
    await setPolicy({ maxSpawnDepth: 5, ownerRequired: true });
    const typed = { maxSpawnDepth: '6', agentEventVisibility: 'PARTNER' };
    const conflict = await manager.browser.submit(form, typed);
    expect(conflict.status).toBe(409);
    expect(conflict.text).toContain('Deepest level: now 5, you entered 6');
    expect(conflict.text).toContain('An owner is required: now Yes, you entered No');
    expect((await policy())['maxSpawnDepth']).toBe(5);
    expect(conflict.root.querySelector('#maxSpawnDepth')!.getAttribute('value')).toBe('6');
    await manager.browser.submit(conflict, { agentEventVisibility: 'PARTNER' });
    expect(await policy()).toMatchObject({ maxSpawnDepth: 6, ownerRequired: false });
  });
});

describe('the pages about receivers', () => {
  it('show the secret of a new receiver once, and delete it only when its host is typed', async () => {
    const url = 'https://gateway.harbour.example/kills';
    const form = await open('/receivers/new');
    const wrong = await manager.browser.submit(form, { url: 'nowhere', format: 'SET' });
    expect([wrong.status, wrong.text.includes('Please fix 1 problem')]).toEqual([422, true]);
    const created = await manager.browser.submit(form, { url, format: 'STANDARD_WEBHOOK' });
    expect(created.root.querySelector('#secret')!.text).toMatch(/^whsec_/);
    const list = await open('/receivers');
    expect(list.text).toMatch(/gateway\.harbour\.example\/kills.*No push yet/);
    const deletion = await manager.browser.get(
      list.root.querySelector(`a[aria-label="Delete the receiver ${url}"]`)!.getAttribute('href')!,
    );
    const rejected = await manager.browser.submit(deletion, { host: 'gateway' });
    expect(rejected.status).toBe(422);
    expect((await open('/receivers')).text).toContain(url);
    const done = await manager.browser.submit(rejected, { host: 'gateway.harbour.example' });
    expect(done.text).toMatch(/The receiver is deleted.*No receivers/);
  });
});

describe('the page about guardrails', () => {
  it('shows the values in force, the last kill and how long it took', async () => {
    await setPolicy({ spawnEnabled: true, maxSpawnDepth: 7, approval: { presets: ['ADMIN'] } });
    const { agentId } = await insertAgent(mir.ctx.store, partner);
    await mir.client.post(`/v1/agents/${agentId}/revoke-descendants`, partner.liveKey, { reason: 'Any' });
    const { text } = await open('/guardrails', await loggedInAs('VIEWER'));
    expect(text).toContain('At most level 7');
    expect(text).toMatch(/Needed for presets\s*ADMIN/);
    expect(text).toMatch(/Last kill.*1 agent, in force after [\d,]+ ms/);
  });
});

describe('the audit log', () => {
  it('shows who did what, filtered, and never an ID of a user in the address', async () => {
    const viewer = await loggedInAs('VIEWER');
    await setPolicy({ maxSpawnDepth: 2 });
    await manager.browser.submit(await open('/policy/edit'), { maxSpawnDepth: '9', agentEventVisibility: 'PARTNER' });
    const list = await open('/audit', viewer);
    const filtered = await viewer.browser.submit(list, { action: 'agent.policy.changed', actor: 'MEMBER' });
    expect(filtered.path).toMatch(/audit\?action=agent\.policy\.changed&actor=MEMBER$/);
    expect(filtered.text).toMatch(/Policy for agents changed.*Max spawn depth: 2 → 9/);
    expect(
      filtered.root.querySelectorAll('tbody tr').every(({ text }) => text.includes('Policy for agents changed')),
    ).toBe(true);
    const today = new Date().toISOString().slice(0, 10);
    expect((await viewer.browser.submit(list, { from: today, to: today })).text).toContain('Policy for agents changed');
    expect((await viewer.browser.submit(list, { to: '2020-01-01' })).text).toContain('No entries');
    const user = await viewer.browser.submit(list, { target: 'ada@example.org', from: 'today' });
    expect([user.status, user.path]).toEqual([422, `${base}/audit`]);
    expect(user.text).toContain('Please fix 2 problems');
  });

  it('is intact until someone changes an entry', async () => {
    const other = await mir.partner();
    const viewer = await loggedInAs('VIEWER', other);
    await setPolicy({ maxSpawnDepth: 2 }, other);
    const path = `${baseOf(other)}/audit/verify`;
    await waitUntil('every entry is sealed', async () => {
      const { text } = await viewer.browser.get(path);
      return text.includes('Hash of the last entry') && !text.includes('Not sealed yet');
    });
    expect((await viewer.browser.get(path)).text).toContain('The audit log is intact');
    const chain = tenantOf(other.partnerId, 'live');
    const filter = { chain, action: 'agent.policy.changed' };
    await mir.ctx.store.audit.model.collection.updateOne(filter, { $set: { reason: 'forged' } });
    const { text } = await viewer.browser.get(path);
    expect(text).toMatch(/The audit log was changed.*was changed after MIR had sealed it/);
  });
});
