import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MEMBER_ROLES, ROLE_SCOPES } from '../../../../shared/domain/roles';
import { anEvent } from '../../../support/builders';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { auditOf, startSecondApi } from '../../../support/partners';
import { expectProblem } from '../../../support/problems';
import { createClient } from '../../../support/client';
import { accessToken, newMember, withSession } from '../../../support/staff';

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
});
afterAll(() => mir.close());
beforeEach(async () => {
  partner = await mir.partner();
});

const listEvents = (token: string, client = mir.client) => client.get('/v1/events', token);

describe('POST /v1/staff/access-tokens', () => {
  it.each(MEMBER_ROLES)('grants the scopes of the role %s', async (role) => {
    const { sessionToken } = await newMember(mir, partner.partnerId, role);
    const body = { partnerId: partner.partnerId, environment: 'test' };
    const response = await withSession(mir, sessionToken, 'POST', '/v1/staff/access-tokens', body);
    expect(response.status).toBe(201);
    expect(response.body).toMatchObject({ role, scopes: ROLE_SCOPES[role] });
    expect(response.body.accessToken).toMatch(/^mir_test_member_[a-z0-9]{12}_\w{49}$/);
    expect(Date.parse(response.body.expiresAt)).toBeLessThanOrEqual(Date.now() + 3_600_000);
  });

  it('returns 404 for a partner that the account does not belong to, and for one that does not exist', async () => {
    const { sessionToken } = await newMember(mir, partner.partnerId, 'ADMINISTRATOR');
    const other = await mir.partner();
    const ask = (partnerId: string) =>
      withSession(mir, sessionToken, 'POST', '/v1/staff/access-tokens', { partnerId, environment: 'live' });
    const responses = await Promise.all([other.partnerId, 'prt_aaaaaaaaaaaa', 'operators'].map(ask));
    for (const response of responses) expectProblem(response, 404, 'NOT_FOUND');
    expect(new Set(responses.map(({ body }) => body.detail)).size).toBe(1);
  });

  it('limits the tokens of a session', async () => {
    const { sessionToken } = await newMember(mir, partner.partnerId, 'VIEWER');
    for (let n = 1; n < 50; n += 1) await accessToken(mir, sessionToken, partner.partnerId);
    const body = { partnerId: partner.partnerId, environment: 'live' };
    const response = await withSession(mir, sessionToken, 'POST', '/v1/staff/access-tokens', body);
    expectProblem(response, 409, 'CONFLICT');
  });
});

describe('an access token', () => {
  it('may do what its role allows, in its environment only, and nothing else', async () => {
    const { accessToken: token } = await newMember(mir, partner.partnerId, 'VIEWER', 'test');
    expect((await listEvents(token)).status).toBe(200);
    expect((await mir.client.get('/v1/keys', token)).body.data).toHaveLength(1);
    expect((await mir.client.get('/v1/keys', token)).body.data[0].environment).toBe('test');
    expectProblem(await mir.client.post('/v1/events', token, anEvent()), 403, 'SCOPE_MISSING');
    expectProblem(await mir.client.post('/v1/keys', token, { name: 'Mine' }), 403, 'SCOPE_MISSING');
  });

  it('names the member in the audit log, and as the creator of a key', async () => {
    const { accessToken: token, memberId } = await newMember(mir, partner.partnerId, 'DEVELOPER');
    const created = await mir.client.post('/v1/keys', token, { name: 'Checkout' });
    expect(created.status).toBe(201);
    expect(created.body.createdBy).toBe(memberId);
    const [entry] = await auditOf(mir.ctx, created.body.keyId);
    expect(entry!.actor).toEqual({ kind: 'MEMBER', memberId, name: 'Member DEVELOPER' });
  });

  it('cannot create or rotate a key with more rights than the role', async () => {
    const { accessToken: token } = await newMember(mir, partner.partnerId, 'DEVELOPER');
    const create = (scopes: string[]) => mir.client.post('/v1/keys', token, { name: 'Mine', scopes });
    expectProblem(await create(['users:erase']), 403, 'ESCALATION_DENIED');
    const { body } = await mir.client.get('/v1/keys', partner.liveKey);
    const rotated = await mir.client.post(`/v1/keys/${body.data[0].keyId}/rotate`, token, {});
    expectProblem(rotated, 403, 'ESCALATION_DENIED');
    const inherited = await create(['events:write', 'keys:manage']);
    expect(inherited.status).toBe(201);
  });

  it('needs a recent login for lasting rights', async () => {
    const { sessionToken } = await newMember(mir, partner.partnerId, 'ADMINISTRATOR');
    const before = new Date(Date.now() - 16 * 60_000);
    const { staffSessions } = mir.ctx.store;
    const session = (await mir.ctx.staffAuth.readSession(sessionToken))!;
    await staffSessions.recordConfirmed(session.sessionId, before);
    const old = await accessToken(mir, sessionToken, partner.partnerId);
    expectProblem(await mir.client.post('/v1/keys', old, { name: 'Mine' }), 403, 'RECENT_LOG_IN_REQUIRED');
    expect((await listEvents(old)).status).toBe(200);
    const confirm = { password: 'correct horse battery' };
    const confirmed = await withSession(mir, sessionToken, 'POST', '/v1/staff/sessions/confirm', confirm);
    expect(confirmed.status).toBe(200);
    const recent = await accessToken(mir, sessionToken, partner.partnerId);
    expect((await mir.client.post('/v1/keys', recent, { name: 'Mine' })).status).toBe(201);
  });

  it('ends at once in every process when its session ends', async () => {
    const second = await startSecondApi(mir);
    try {
      const member = await newMember(mir, partner.partnerId, 'VIEWER');
      const other = await newMember(mir, partner.partnerId, 'VIEWER');
      const elsewhere = createClient(second.url);
      expect((await listEvents(member.accessToken, elsewhere)).status).toBe(200);
      expect((await listEvents(member.accessToken)).status).toBe(200);
      const ended = await withSession(mir, member.sessionToken, 'DELETE', '/v1/staff/sessions/current');
      expect(ended.status).toBe(200);
      expectProblem(await listEvents(member.accessToken, elsewhere), 401, 'API_KEY_INVALID');
      expectProblem(await listEvents(member.accessToken), 401, 'API_KEY_INVALID');
      expectProblem(await withSession(mir, member.sessionToken, 'GET', '/v1/staff/me'), 401, 'SESSION_INVALID');
      expect((await listEvents(other.accessToken)).status).toBe(200);
    } finally {
      await second.close();
    }
  });

  it('stops working when it expires', async () => {
    const { accessToken: token } = await newMember(mir, partner.partnerId, 'VIEWER');
    await mir.ctx.store.accessTokens.model.updateMany({ partnerId: partner.partnerId }, { expiresAt: new Date(0) });
    expectProblem(await listEvents(token), 401, 'API_KEY_EXPIRED');
  });

  it('stops working while its partner is suspended', async () => {
    const { accessToken: token } = await newMember(mir, partner.partnerId, 'VIEWER');
    await mir.ctx.store.partners.model.updateOne({ _id: partner.partnerId }, { suspended: true });
    expectProblem(await listEvents(token), 403, 'PARTNER_SUSPENDED');
  });
});
