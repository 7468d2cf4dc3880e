import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Tenant, tenantOf } from '../../../../../shared/domain/ids';
import { anEntry, appendEntries, insertSealed, sealAll } from '../../../../support/audit-entries';
import type { BrowserSession, VisitedPage } from '../../../../support/browser-session';
import type { Harness } from '../../../../support/harness';
import { startHarnessForPeople } from '../../../../support/people';
import { operatorBrowser } from '../../../../support/staff';

const PAGE_SIZE = 25;
const STEP_ENTRIES = 10_000;

let h: Harness;
let browser: BrowserSession;
beforeAll(async () => {
  h = await startHarnessForPeople({ workers: false });
  ({ browser } = await operatorBrowser(h, 'VIEWER'));
});
afterAll(() => h.close());

let partnerId: string;
let chain: Tenant;
beforeEach(async () => {
  const partner = await h.partner({ name: 'Harbour Market' });
  partnerId = partner.partnerId;
  chain = tenantOf(partner.partnerId, 'live');
});

const pathOf = (query: Record<string, string> = {}, page = ''): string =>
  `/console/audit${page}?${new URLSearchParams({ partner: partnerId, env: 'live', ...query }).toString()}`;
const targets = ({ root }: VisitedPage): string[] =>
  root.querySelectorAll('.entries summary code').map(({ text }) => text);
const append = (changes: Parameters<typeof anEntry>[1]) =>
  h.ctx.store.transaction((session) => h.ctx.store.audit.append(anEntry(chain, changes), session), 5_000);

describe('the audit log in the console', () => {
  it('shows each change with its actor, reason, and the values before and after', async () => {
    await append({
      action: 'partner.key.rotated',
      target: partnerId,
      actor: { kind: 'OPERATOR', via: 'CONSOLE', name: 'Ana Diaz', memberId: 'mem_1' },
      reason: 'Leaked in a repository',
      before: { limits: { eventsPerMinute: 6_000 }, suspended: false },
      after: { limits: { eventsPerMinute: 60_000 }, suspended: false },
    });
    const { text } = await browser.get(pathOf());
    expect(text).toContain('Harbour Market, live');
    expect(text).toContain('All API keys replaced');
    expect(text).toContain('Ana Diaz, in the console');
    expect(text).toContain('Leaked in a repository');
    expect(text).toContain('Limits: events per minute 6,000 60,000');
    expect(text).toContain('Suspended No Unchanged');
  });

  it('lists entries in pages, newest first, and only those of the chosen chain', async () => {
    await appendEntries(h.ctx.store, chain, PAGE_SIZE + 5);
    await append({ target: 'agt_newest', at: new Date(Date.now() + 1_000) });
    const first = await browser.get(pathOf());
    const next = first.root.querySelector('.next-page a')!.getAttribute('href')!.replaceAll('&amp;', '&');
    const second = await browser.get(next);
    expect(targets(first)).toHaveLength(PAGE_SIZE);
    expect(targets(first)[0]).toBe('agt_newest');
    expect(targets(second)).toHaveLength(6);
    expect(targets(await browser.get(pathOf({ env: 'test' })))).toEqual([]);
    const { searchParams } = new URL(next, h.url);
    expect((await browser.get(pathOf({ env: 'test', cursor: searchParams.get('cursor')! }))).status).toBe(422);
  });

  it('filters by what, who, target, kill and day', async () => {
    await append({ action: 'agent.revoked', target: 'agt_a', actor: { kind: 'SYSTEM' }, cascadeId: 'csc_1' });
    await append({ action: 'agent.suspended', target: 'agt_b' });
    const filtered = async (fields: Record<string, string>): Promise<string[]> => {
      const page = await browser.get(pathOf());
      return targets(await browser.submit(page, fields, { action: '/console/audit' }));
    };
    expect(await filtered({ action: 'agent.revoked' })).toEqual(['agt_a']);
    expect(await filtered({ actor: 'PARTNER' })).toEqual(['agt_b']);
    expect(await filtered({ id: ' agt_b ' })).toEqual(['agt_b']);
    expect(await filtered({ id: 'csc_1' })).toEqual(['agt_a']);
    expect(await filtered({ through: '2026-01-01' })).toEqual([]);
    expect(await filtered({})).toHaveLength(2);
  });

  it('does not put an ID of a user into the URL', async () => {
    const page = await browser.get(pathOf());
    const { path, status, text } = await browser.submit(page, { id: 'ana@example.org' }, { action: '/console/audit' });
    expect([status, path]).toEqual([422, '/console/audit']);
    expect(text).toContain('not an ID of a user');
    expect((await browser.get(pathOf({ id: 'ana@example.org' }))).status).toBe(422);
  });

  it('responds with 404 for a partner that does not exist', async () => {
    expect((await browser.get('/console/audit?partner=prt_none')).status).toBe(404);
    expect((await browser.get('/console/audit/verify?partner=prt_none')).status).toBe(404);
  });

  it('reports broken chains that workers found', async () => {
    expect((await browser.get('/console/audit')).text).toContain('Workers have not verified all chains yet');
    await h.ctx.store.chainChecks.put({ current: null, found: [], broken: [chain], completedAt: new Date() });
    const { root, text } = await browser.get('/console/audit');
    expect(text).toContain('One chain is broken');
    const links = root.querySelectorAll('.notice a').map((link) => link.getAttribute('href')!.replaceAll('&amp;', '&'));
    expect(links).toEqual([pathOf({}, '/verify')]);
    await h.ctx.store.chainChecks.put({ current: null, found: [], broken: [], completedAt: new Date() });
    expect((await browser.get('/console/audit')).text).toContain('found no break');
  });
});

describe('the verification of an audit chain in the console', () => {
  it('mentions no hash of a chain without entries', async () => {
    const { partnerId } = await h.partner();
    const { text } = await browser.get(`/console/audit/verify?partner=${partnerId}`);
    expect(text).toContain('It contains no sealed entries yet');
    expect(text).not.toContain('Keep this hash');
  });

  it('says that an intact chain is intact', async () => {
    await appendEntries(h.ctx.store, chain, 3);
    await sealAll(h.ctx.store, chain);
    const { hash } = (await h.ctx.store.auditHeads.get(chain))!;
    const { text } = await browser.get(pathOf({}, '/verify'));
    expect(text).toContain('The chain is intact');
    expect(text).toContain('Entries 3');
    expect(text).toContain(hash);
  });

  it('names the first broken entry, what that means and what to do', async () => {
    await appendEntries(h.ctx.store, chain, 3);
    await sealAll(h.ctx.store, chain);
    await h.ctx.store.audit.model.collection.updateOne({ chain, seq: 2 }, { $set: { reason: 'forged' } });
    const { text } = await browser.get(pathOf({}, '/verify'));
    expect(text).toContain('The chain is broken at entry 2');
    expect(text).toContain('the entry was changed after MIR had sealed it');
    expect(text).toContain('Entries 1 to 1 are as MIR sealed them');
    expect(text).toContain(`mir audit verify --partner ${partnerId} --env live`);
  });

  it('verifies a long chain in steps, with and without scripts', async () => {
    await insertSealed(h.ctx.store, chain, STEP_ENTRIES + 1);
    const { root, text } = await browser.get(pathOf({}, '/verify'));
    expect(text).toContain('The first 10,000 of 10,001 entries are intact');
    expect(text).not.toContain('The chain is intact');
    const step = root.querySelector('[hx-get]')!.getAttribute('hx-get')!.replaceAll('&amp;', '&');
    const fragment = await browser.get(step, { 'hx-request': 'true' });
    expect(fragment.html).toContain('The chain is intact');
    expect(fragment.html).not.toContain('<html');
    const link = root.querySelector('main .button')!.getAttribute('href')!.replaceAll('&amp;', '&');
    expect((await browser.get(link)).text).toContain('Entries 10,001');
    // The result of another chain's first entries must not count for this one.
    const { searchParams } = new URL(link, h.url);
    const other = `/console/audit/verify?cursor=${encodeURIComponent(searchParams.get('cursor')!)}`;
    expect((await browser.get(other)).status).toBe(422);
  });
});
