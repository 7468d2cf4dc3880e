import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPartner } from '../../../../api/partners/create-partner';
import { auditContextForOperator } from '../../../../api/db/audit-context';
import { ADMIN_API } from '../../../../api/http/admin-token';
import { submitApplication } from '../../../../api/partners/submit-application';
import { applicationInput } from '../../../../api/partners/input-schemas';
import { tagOf } from '../../../../shared/domain/ids';
import { type Harness, startHarness } from '../../../support/harness';
import { anApplication, asAdmin, auditOf, statusWith } from '../../../support/partners';

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ workers: false });
});
afterAll(() => h.close());

const input = applicationInput.parse(anApplication());
async function createApplication(): Promise<string> {
  return (await submitApplication(h.ctx, input, auditContextForOperator({ operator: ADMIN_API, requestId: 'setup' })))
    .applicationId;
}
const approve = (id: string, terms: unknown = { plan: 'STANDARD' }) =>
  asAdmin(h.client, 'POST', `/applications/${id}/approve`, terms);
const countPartners = () => h.ctx.store.partners.model.countDocuments();

describe('POST /admin/applications/:id/approve', () => {
  it('creates a partner whose two keys work immediately', async () => {
    const { status, body, headers } = await approve(await createApplication());
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/admin/partners/${body.partnerId}`);
    expect(body.liveApiKey).toMatch(/^mir_live_/);
    expect(body.testApiKey).toMatch(/^mir_test_/);
    expect(await statusWith(h.client, body.liveApiKey)).toBe(200);
    expect(await statusWith(h.client, body.testApiKey)).toBe(200);
  });

  it('applies the approved terms, and uses the defaults for limits that are not specified', async () => {
    const terms = {
      plan: 'ENTERPRISE',
      limits: { eventsPerMinute: 77 },
      allowedReturnOrigins: ['https://Shop.Example:443/', 'http://localhost:8080', 'https://shop.example'],
    };
    const { body } = await approve(await createApplication(), terms);
    const partner = await asAdmin(h.client, 'GET', `/partners/${body.partnerId}`);
    expect(partner.body).toMatchObject({
      plan: 'ENTERPRISE',
      limits: { eventsPerMinute: 77, requestsPerMinute: h.ctx.config.defaultLimits.requestsPerMinute },
      allowedReturnOrigins: ['https://shop.example', 'http://localhost:8080'],
      suspended: false,
      keys: [{ env: 'live' }, { env: 'test' }],
    });
  });

  it('stores keys only as hashes, and keeps the hashes out of the audit log', async () => {
    const applicationId = await createApplication();
    const { body } = await approve(applicationId);
    const { db } = h.ctx.store.connection;
    const stored: unknown[] = [];
    for (const { name } of await db!.listCollections().toArray())
      stored.push(await db!.collection(name).find().toArray());
    const text = JSON.stringify(stored);
    const partner = (await h.ctx.store.partners.get(body.partnerId))!;
    for (const key of [body.liveApiKey, body.testApiKey] as string[]) {
      expect(text).not.toContain(key);
      expect(text).not.toContain(key.slice(-40));
    }
    const entries = [...(await auditOf(h.ctx, body.partnerId)), ...(await auditOf(h.ctx, applicationId))];
    expect(entries).toHaveLength(3);
    for (const { hash } of partner.keys) expect(JSON.stringify(entries)).not.toContain(hash);
  });

  it('returns 409 for a repeated approval and does not create a second partner', async () => {
    const applicationId = await createApplication();
    const first = await approve(applicationId);
    const before = await countPartners();
    const second = await approve(applicationId, { plan: 'ENTERPRISE' });
    expect(second).toMatchObject({ status: 409, body: { code: 'CONFLICT' } });
    expect(second.body.detail).toContain('APPROVED');
    expect(second.body.detail).toContain(first.body.partnerId);
    expect(await countPartners()).toBe(before);
  });

  it('creates only one partner for concurrent approvals', async () => {
    const applicationId = await createApplication();
    const before = await countPartners();
    const responses = await Promise.all(Array.from({ length: 6 }, () => approve(applicationId)));
    expect(responses.map(({ status }) => String(status)).sort()).toEqual([
      '201',
      ...Array.from({ length: 5 }, () => '409'),
    ]);
    expect(await countPartners()).toBe(before + 1);
    const entries = await auditOf(h.ctx, applicationId);
    expect(entries.filter(({ action }) => action === 'application.approved')).toHaveLength(1);
  });

  it('generates another partner tag when the first one is already in use', async () => {
    const auditContext = auditContextForOperator({ operator: ADMIN_API, requestId: 'tags' });
    const first = await createPartner(h.ctx, input, { plan: 'STANDARD' }, auditContext);
    const tags = [tagOf(first.partnerId), 'freetag23456'];
    const second = await createPartner(
      { ...h.ctx, newTag: () => tags.shift()! },
      input,
      { plan: 'STANDARD' },
      auditContext,
    );
    expect(second.partnerId).toBe('prt_freetag23456');
    expect(await statusWith(h.client, first.liveApiKey)).toBe(200);
    expect(await statusWith(h.client, second.liveApiKey)).toBe(200);
    expect(await auditOf(h.ctx, first.partnerId)).toHaveLength(1);
  });

  it('returns 422 and lists every invalid term', async () => {
    const applicationId = await createApplication();
    const { status, body } = await approve(applicationId, {
      plan: 'GOLD',
      limits: { eventsPerMinute: 0 },
      allowedReturnOrigins: ['http://shop.example', 'https://shop.example/return', 'https://a@shop.example'],
    });
    expect(status).toBe(422);
    expect(body.errors.map(({ path }: { path: string }) => path)).toEqual([
      'plan',
      'limits.eventsPerMinute',
      'allowedReturnOrigins.0',
      'allowedReturnOrigins.1',
      'allowedReturnOrigins.2',
    ]);
  });
});

describe('POST /admin/applications/:id/reject', () => {
  it('rejects an application permanently and stores the reason', async () => {
    const applicationId = await createApplication();
    const rejected = await asAdmin(h.client, 'POST', `/applications/${applicationId}/reject`, { reason: 'no website' });
    expect(rejected).toMatchObject({ status: 200, body: { status: 'REJECTED', reason: 'no website' } });
    expect((await approve(applicationId)).body).toMatchObject({ code: 'CONFLICT' });
    expect((await asAdmin(h.client, 'POST', `/applications/${applicationId}/reject`, {})).status).toBe(409);
    const entries = await auditOf(h.ctx, applicationId);
    expect(entries[1]).toMatchObject({ action: 'application.rejected', reason: 'no website' });
    expect(entries).toHaveLength(2);
  });

  it('returns 404 for an unknown application', async () => {
    expect((await approve('app_none')).status).toBe(404);
    expect((await asAdmin(h.client, 'POST', '/applications/app_none/reject', {})).status).toBe(404);
  });
});

describe('admin lists of applications and partners', () => {
  it('lists every application and partner exactly once, newest first, over several pages', async () => {
    for (const list of ['applications', 'partners']) {
      const whole = (await asAdmin(h.client, 'GET', `/${list}?limit=500`)).body.data as { createdAt: string }[];
      const seen: unknown[] = [];
      let cursor = '';
      do {
        const { body } = await asAdmin(h.client, 'GET', `/${list}?limit=2${cursor}`);
        seen.push(...body.data);
        cursor = body.nextCursor === null ? '' : `&cursor=${encodeURIComponent(body.nextCursor as string)}`;
      } while (cursor !== '');
      expect(seen).toEqual(whole);
      expect(whole.length).toBeGreaterThan(3);
      const times = whole.map(({ createdAt }) => createdAt);
      expect(times).toEqual([...times].sort().reverse());
    }
  });

  it('rejects a forged cursor in an admin list', async () => {
    expect((await asAdmin(h.client, 'GET', '/partners?cursor=WzAsIngiXQ.aaaaaaaaaaaaaaaa')).status).toBe(422);
  });
});
