import { beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_PENDING_APPLICATIONS } from '../../../../api/partners/submit-application';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { anApplication, asAdmin, auditOf } from '../../../support/partners';

const { ownRedis, serve } = faultEnvironment();
let h: Harness;
let callers = 0;
const fromAddress = (ip: string, body: unknown) =>
  h.client.post('/partners/applications', undefined, body, { 'x-forwarded-for': ip });
const fromNewAddress = (body: unknown) => fromAddress(`203.0.113.${(callers += 1)}`, body);

beforeAll(async () => {
  h = await serve({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
});

describe('POST /partners/applications', () => {
  it('accepts an application without an API key and stores it as PENDING', async () => {
    const response = await fromNewAddress(anApplication());
    expect(response).toMatchObject({ status: 202, body: { status: 'PENDING' } });
    const { applicationId } = response.body;
    const page = await asAdmin(h.client, 'GET', '/applications?status=PENDING');
    expect(page.body.data).toContainEqual({
      applicationId,
      ...anApplication(),
      addressConfirmedAt: null,
      status: 'PENDING',
      reason: null,
      partnerId: null,
      createdAt: expect.any(String),
      decidedAt: null,
    });
    const entries = await auditOf(h.ctx, applicationId);
    expect(entries).toMatchObject([{ action: 'application.submitted', actor: { kind: 'APPLICANT' } }]);
    expect(entries[0]!.requestId).toBe(response.headers.get('x-request-id'));
  });

  it('accepts applications at /v1/partners/applications too', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.250' };
    expect((await h.client.post('/v1/partners/applications', undefined, anApplication(), headers)).status).toBe(202);
  });

  it('reports all invalid fields at once', async () => {
    const invalid = { name: '', website: 'javascript:alert(1)', contactEmail: 'nobody', useCase: 'a\u0000b', extra: 1 };
    const { status, body } = await fromNewAddress(invalid);
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
    ['name', 'Harbour\u2029Market'],
    ['name', '\ue000Harbour Market'],
    ['name', 'Harbour “Market”'],
    ['website', 'ftp://harbour.example'],
    ['website', 'https://harbour\n.example'],
    ['useCase', 'x'.repeat(2001)],
    ['useCase', 'lone surrogate \ud800'],
  ])('rejects an application whose %s is %j', async (field, value) => {
    const { status, body } = await fromNewAddress(anApplication({ [field]: value }));
    expect(status).toBe(422);
    expect(body.errors[0].path).toBe(field);
  });

  it('returns 429 for the sixth application from an IP address within an hour', async () => {
    for (let n = 0; n < 5; n += 1) expect((await fromAddress('198.51.100.1', anApplication())).status).toBe(202);
    const sixth = await fromAddress('198.51.100.1', anApplication());
    expect(sixth).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(Number(sixth.headers.get('retry-after'))).toBeGreaterThan(3_500);
    expect((await fromAddress('198.51.100.2', anApplication())).status).toBe(202);
  });

  it('returns 503 while too many applications are pending', async () => {
    const row = { ...anApplication(), status: 'PENDING', createdAt: new Date() };
    const rows = Array.from({ length: MAX_PENDING_APPLICATIONS }, (_, n) => ({ ...row, _id: `app_flood_${n}` }));
    await h.ctx.store.applications.model.insertMany(rows, { lean: true });
    const response = await fromNewAddress(anApplication());
    expect(response).toMatchObject({ status: 503, body: { code: 'OVERLOADED' } });
    expect(response.headers.get('retry-after')).not.toBeNull();
    await h.ctx.store.applications.model.deleteMany({ _id: /^app_flood_/ });
    expect((await fromNewAddress(anApplication())).status).toBe(202);
  });

  it('returns 503 while Redis is down, because the rate limit cannot be enforced', async () => {
    const redis = await ownRedis();
    const { client, ctx } = await serve({ workers: false, env: { REDIS_URL: redis.url } });
    await redis.stop();
    const response = await client.post('/partners/applications', undefined, anApplication());
    expect(response).toMatchObject({ status: 503, body: { code: 'OVERLOADED' } });
    expect(await ctx.store.applications.countPending()).toBe(0);
  });
});
