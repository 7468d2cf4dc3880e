import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { insertMember, operatorBrowser } from '../../../../support/staff';
import type { BrowserSession, VisitedPage } from '../../../../support/browser-session';
import type { Harness, TestPartner } from '../../../../support/harness';
import { auditOf, statusWith } from '../../../../support/partners';
import { sharedHarnessForPeople } from '../../../../support/people';
import { newEndpoint } from '../../../../support/webhook-endpoints';

const NAME = 'Harbour Market';
const CONFIRMED = { reason: 'Asked by the partner', name: NAME };

let h: Harness;
let admin: BrowserSession;
let memberId: string;
beforeAll(async () => {
  h = await sharedHarnessForPeople();
  ({ browser: admin, memberId } = await operatorBrowser(h, 'ADMIN'));
});
afterAll(() => h.close());

const pathOf = ({ partnerId }: Pick<TestPartner, 'partnerId'>): string => `/console/partners/${partnerId}`;
const stored = async ({ partnerId }: TestPartner) => (await h.ctx.store.partners.get(partnerId))!;
const actor = () => ({ kind: 'OPERATOR', via: 'CONSOLE', name: 'Member ADMIN', memberId });

/** Opens a form below a partner's page and submits it. */
async function submit(
  partner: TestPartner,
  path: string,
  fields: Record<string, string>,
  browser = admin,
): Promise<VisitedPage> {
  const action = pathOf(partner) + path;
  return browser.submit(await browser.get(action), fields, { action });
}

/** Returns the path of a key's page, which the partner's page links to. */
async function keyPath(partner: TestPartner, name: string): Promise<string> {
  const { root } = await admin.get(pathOf(partner));
  const link = root.querySelectorAll('main a').find((one) => one.getAttribute('aria-label') === `Revoke ${name}`);
  return link!.getAttribute('href')!.slice(pathOf(partner).length);
}

async function newKey({ liveKey }: TestPartner, name: string): Promise<string> {
  return (await h.client.post('/v1/keys', liveKey, { name, scopes: ['events:read'] })).body.apiKey as string;
}

describe('the list of partners', () => {
  it('shows the newest first, in pages', async () => {
    const created: string[] = [];
    for (let n = 0; n < 26; n += 1) created.push(pathOf(await h.partner()));
    const links = ({ root }: VisitedPage) => root.querySelectorAll('tbody th a').map((one) => one.getAttribute('href'));
    const first = await admin.get('/console/partners');
    expect(links(first)).toEqual(created.slice(1).reverse());
    const next = first.root.querySelector('.next-page a')!.getAttribute('href')!.replaceAll('&amp;', '&');
    expect(links(await admin.get(next))[0]).toBe(created[0]);
  });
});

describe('the page of a partner', () => {
  it('shows plan, limits, members, webhooks and keys of one environment, but no secrets or email addresses', async () => {
    const partner = await h.partner();
    const { email } = await insertMember(h, partner.partnerId, 'DEVELOPER');
    await newEndpoint(h, partner, 'https://quay.example/hooks');
    const apiKey = await newKey(partner, 'Reports');
    const live = await admin.get(pathOf(partner));
    for (const part of ['Enterprise', '10,000,000', 'Member DEVELOPER', 'Developer', 'quay.example', 'events:read']) {
      expect(live.text).toContain(part);
    }
    const { keys } = await stored(partner);
    for (const secret of [email, apiKey, partner.liveKey, ...keys.map(({ hash }) => hash)]) {
      expect(live.html).not.toContain(secret);
    }
    const test = await admin.get(`${pathOf(partner)}?env=test`);
    expect(test.text).not.toContain('Reports');
    expect(test.text).toContain(keys.find(({ env }) => env === 'test')!.prefix);
  });

  it('returns 404 if the partner does not exist', async () => {
    expect((await admin.get('/console/partners/prt_none')).status).toBe(404);
  });

  it('offers actions only to roles with their rights', async () => {
    const partner = await h.partner();
    const textsOf = async (role: 'VIEWER' | 'ON_CALL'): Promise<string> =>
      (await (await operatorBrowser(h, role)).browser.get(pathOf(partner))).text;
    expect(await textsOf('VIEWER')).not.toMatch(/Suspend…|Revoke…|Replace all…|Change plan/);
    const onCall = await textsOf('ON_CALL');
    expect(onCall).toMatch(/Suspend….*Revoke…/);
    expect(onCall).not.toMatch(/Replace all…|Change plan/);
  });
});

describe('a change of plan and limits', () => {
  const TERMS = { plan: 'ENTERPRISE', allowedReturnOrigins: '' };

  it('writes only what was changed, with the operator and the reason in the audit log', async () => {
    const partner = await h.partner();
    const fields = { ...TERMS, eventsPerMinute: '120', reason: 'Agreed by phone' };
    const changed = await submit(partner, '/change', fields);
    expect(changed.path).toBe(`${pathOf(partner)}?done=changed`);
    expect(changed.text).toMatch(/The change is saved.*Partner changed“Agreed by phone”Member ADMIN/);
    // The share of the queue was not stored before, so a later default still applies.
    expect((await stored(partner)).limits).toEqual({ eventsPerMinute: 120, requestsPerMinute: 1_000_000 });
    const [entry] = await auditOf(h.ctx, partner.partnerId);
    expect(entry).toMatchObject({ action: 'partner.updated', reason: 'Agreed by phone', actor: actor() });
  });

  it('can go back to the default share of the queue, and remove return origins', async () => {
    const limits = { eventsPerMinute: 1, requestsPerMinute: 2, queueSharePercent: 50 };
    const partner = await h.partner({ limits, allowedReturnOrigins: ['https://a.example'] });
    await submit(partner, '/change', { ...TERMS, queueSharePercent: '25', reason: 'Back to normal' });
    const after = await stored(partner);
    expect(after.limits).toEqual({ ...limits, queueSharePercent: 25 });
    expect(after.allowedReturnOrigins).toEqual([]);
  });

  it('reports problems beside their fields, and that nothing was changed', async () => {
    const partner = await h.partner();
    const wrong = await submit(partner, '/change', { ...TERMS, queueSharePercent: '101' });
    expect(wrong.status).toBe(422);
    const ids = wrong.root.querySelectorAll('.error').map(({ id }) => id);
    expect(ids).toEqual(['queueSharePercent-error', 'reason-error']);
    const unchanged = await submit(partner, '/change', { ...TERMS, reason: 'None' });
    expect(unchanged.status).toBe(422);
    expect(unchanged.text).toContain('Nothing differs');
  });

  it('saves nothing over a change that was made after the form was opened', async () => {
    const partner = await h.partner();
    const action = `${pathOf(partner)}/change`;
    const open = await admin.get(action);
    await submit(partner, '/change', { ...TERMS, eventsPerMinute: '120', reason: 'First' });
    const late = await admin.submit(open, { ...TERMS, requestsPerMinute: '7', reason: 'Second' }, { action });
    expect(late.status).toBe(409);
    expect(late.root.querySelector('#requestsPerMinute')!.getAttribute('value')).toBe('7');
    expect((await stored(partner)).limits).toEqual({ eventsPerMinute: 120, requestsPerMinute: 1_000_000 });
  });
});

describe('a suspension', () => {
  it('shows what it affects, needs a reason and the name, and can be undone', async () => {
    const partner = await h.partner();
    const form = await admin.get(`${pathOf(partner)}/suspend`);
    expect(form.text).toMatch(/Live 1 0 0 Test 1 0 0/);
    const incomplete = await submit(partner, '/suspend', { reason: '', name: 'Harbour' });
    expect(incomplete.status).toBe(422);
    expect(incomplete.root.querySelectorAll('.error').map(({ id }) => id)).toEqual(['reason-error', 'name-error']);
    expect(await statusWith(h.client, partner.liveKey)).toBe(200);

    const suspended = await submit(partner, '/suspend', CONFIRMED);
    expect(suspended.text).toContain('Suspended');
    expect(await statusWith(h.client, partner.liveKey)).toBe(403);
    const again = await submit(partner, '/reactivate', { reason: 'Fixed' });
    expect(again.text).toContain('Its keys work.');
    expect(await statusWith(h.client, partner.liveKey)).toBe(200);
    const entries = await auditOf(h.ctx, partner.partnerId);
    expect(entries.map(({ action, reason }) => [action, reason])).toEqual([
      ['partner.suspended', CONFIRMED.reason],
      ['partner.unsuspended', 'Fixed'],
    ]);
  });

  it('needs a recent log-in, and leads back to its form', async () => {
    const partner = await h.partner();
    const { browser, memberId: own } = await operatorBrowser(h, 'ON_CALL');
    const { staffId } = (await h.ctx.store.members.get('operators', own))!;
    const confirmedAt = new Date(Date.now() - 3_600_000);
    await h.ctx.store.staffSessions.model.updateMany({ userId: staffId }, { confirmedAt });
    const { path } = await browser.get(`${pathOf(partner)}/suspend`);
    expect(path).toBe(`/portal/confirm?next=${encodeURIComponent(`${pathOf(partner)}/suspend`)}`);
  });
});

describe('keys', () => {
  it('are revoked one at a time, also those that the key created if asked', async () => {
    const partner = await h.partner();
    const kept = await newKey(partner, 'Kept');
    const { body } = await h.client.post('/v1/keys', partner.liveKey, {
      name: 'Creator',
      scopes: ['keys:manage', 'events:read'],
    });
    const creator = body.apiKey as string;
    const created = await newKey({ ...partner, liveKey: creator }, 'Created');
    const path = await keyPath(partner, 'Creator');
    const incomplete = await submit(partner, path, { reason: 'Leaked', name: '' });
    expect(incomplete.status).toBe(422);
    expect(incomplete.text).toContain('Created');
    const done = await submit(partner, path, { ...CONFIRMED, includeCreated: 'on' });
    expect(done.path).toBe(`${pathOf(partner)}?done=revoked`);
    expect(await Promise.all([creator, created, kept].map((key) => statusWith(h.client, key)))).toEqual([
      401, 401, 200,
    ]);
    const [, entry] = await auditOf(h.ctx, path.split('/').at(-1)!);
    expect(entry).toMatchObject({ action: 'key.revoked', reason: CONFIRMED.reason, actor: actor() });
    expect((await admin.get(pathOf(partner) + path)).status).toBe(404);
  });

  it('of an environment are replaced by one that is shown once, uncached', async () => {
    const partner = await h.partner();
    const page = await submit(partner, '/replace-keys/live', CONFIRMED);
    const apiKey = page.root.querySelector('#api-key')!.text.trim();
    expect(page.headers.get('cache-control')).toContain('no-store');
    const keys = [partner.liveKey, partner.testKey, apiKey];
    expect(await Promise.all(keys.map((key) => statusWith(h.client, key)))).toEqual([401, 200, 200]);
    expect((await admin.get(pathOf(partner))).html).not.toContain(apiKey);
    expect((await admin.get(`${pathOf(partner)}/replace-keys/other`)).status).toBe(404);
  });

  it('can all be revoked, of more than one partner', async () => {
    for (const partner of [await h.partner(), await h.partner()]) {
      for (const { prefix } of (await stored(partner)).keys) {
        const env = prefix.startsWith('mir_test') ? '?env=test' : '';
        const { root } = await admin.get(pathOf(partner) + env);
        const link = root.querySelectorAll('main a').find(({ text }) => text === 'Revoke…')!;
        const action = link.getAttribute('href')!;
        const done = await admin.submit(await admin.get(action), CONFIRMED, { action });
        expect(done.status).toBe(200);
      }
      expect((await stored(partner)).keys).toEqual([]);
    }
  });
});
