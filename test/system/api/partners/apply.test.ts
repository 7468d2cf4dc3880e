import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_PENDING_APPLICATIONS } from '../../../../api/partners/submit-application';
import { type Harness, startHarness } from '../../../support/harness';
import { ownStores } from '../../../support/own-stores';
import { anApplication, asAdmin, auditOf } from '../../../support/partners';

let h: Harness;
let callers = 0;
const stores = ownStores();
const fromAddress = (ip: string, body: unknown) =>
  h.client.post('/partners/applications', undefined, body, { 'x-forwarded-for': ip });
const fromSomebodyNew = (body: unknown) => fromAddress(`203.0.113.${(callers += 1)}`, body);

beforeAll(async () => {
  h = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
});
afterAll(() => h.close());

describe('POST /partners/applications', () => {
  it('takes an application without a key and leaves it to the operator', async () => {
    const answer = await fromSomebodyNew(anApplication());
    expect(answer).toMatchObject({ status: 202, body: { status: 'PENDING' } });
    const { applicationId } = answer.body;
    const page = await asAdmin(h.client, 'GET', '/applications?status=PENDING');
    expect(page.body.data).toContainEqual({
      applicationId,
      ...anApplication(),
      status: 'PENDING',
      reason: null,
      partnerId: null,
      createdAt: expect.any(String),
      decidedAt: null,
    });
    const entries = await auditOf(h.ctx, applicationId);
    expect(entries).toMatchObject([{ action: 'application.submitted', actor: { kind: 'APPLICANT' } }]);
    expect(entries[0]!.requestId).toBe(answer.headers.get('x-request-id'));
  });

  it('is the same under /v1', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.250' };
    expect((await h.client.post('/v1/partners/applications', undefined, anApplication(), headers)).status).toBe(202);
  });

  it('names everything that is wrong at once', async () => {
    const wrong = { name: '', website: 'javascript:alert(1)', contactEmail: 'nobody', useCase: 'a\u0000b', extra: 1 };
    const { status, body } = await fromSomebodyNew(wrong);
    expect(status).toBe(422);
    expect(body.code).toBe('VALIDATION_FAILED');
    expect(body.errors.map(({ path }: { path: string }) => path).sort()).toEqual([
      'contactEmail',
      'extra',
      'name',
      'useCase',
      'website',
    ]);
  });

  it.each([
    ['name', 'x'.repeat(121)],
    ['name', 'two\nlines'],
    ['name', '   '],
    ['name', 'Harbour\u200b Market'],
    ['name', 'tekraM \u202eruobraH'],
    ['website', 'ftp://harbour.example'],
    ['website', 'https://harbour\n.example'],
    ['useCase', 'x'.repeat(2001)],
    ['useCase', 'lone surrogate \ud800'],
  ])('refuses %s %j', async (field, value) => {
    const { status, body } = await fromSomebodyNew(anApplication({ [field]: value }));
    expect(status).toBe(422);
    expect(body.errors[0].path).toBe(field);
  });

  it('answers the sixth application of an address within an hour with 429', async () => {
    for (let n = 0; n < 5; n += 1) expect((await fromAddress('198.51.100.1', anApplication())).status).toBe(202);
    const sixth = await fromAddress('198.51.100.1', anApplication());
    expect(sixth).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(Number(sixth.headers.get('retry-after'))).toBeGreaterThan(3_500);
    expect((await fromAddress('198.51.100.2', anApplication())).status).toBe(202);
  });

  it('takes none while too many wait for a decision', async () => {
    const row = { ...anApplication(), status: 'PENDING', createdAt: new Date() };
    const rows = Array.from({ length: MAX_PENDING_APPLICATIONS }, (_, n) => ({ ...row, _id: `app_flood_${n}` }));
    await h.ctx.store.applications.model.insertMany(rows, { lean: true });
    const answer = await fromSomebodyNew(anApplication());
    expect(answer).toMatchObject({ status: 503, body: { code: 'OVERLOADED' } });
    expect(answer.headers.get('retry-after')).not.toBeNull();
    await h.ctx.store.applications.model.deleteMany({ _id: /^app_flood_/ });
    expect((await fromSomebodyNew(anApplication())).status).toBe(202);
  });

  it('takes none while nobody can count them', async () => {
    const redis = await stores.ownRedis();
    const cut = await startHarness({ workers: false, env: { REDIS_URL: redis.url } });
    await redis.stop();
    const answer = await cut.client.post('/partners/applications', undefined, anApplication());
    expect(answer).toMatchObject({ status: 503, body: { code: 'OVERLOADED' } });
    expect(await cut.ctx.store.applications.countPending()).toBe(0);
    await cut.close();
  });
});
