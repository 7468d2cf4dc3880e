import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { PASSWORD } from '../../../support/people';
import { expectProblem } from '../../../support/problems';
import {
  fromNewAddress,
  logInAs,
  mailedSecret,
  newMember,
  newStaffEmail,
  type TestMember,
  totp,
  withSession,
} from '../../../support/staff';

const NEW_PASSWORD = 'another horse battery';

let mir: Harness;
let partner: TestPartner;
let member: TestMember;
beforeAll(async () => {
  mir = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
  partner = await mir.partner();
});
afterAll(() => mir.close());
beforeEach(async () => {
  member = await newMember(mir, partner.partnerId, 'VIEWER');
});

const asMember = (method: string, path: string, body?: unknown, token = member.sessionToken) =>
  withSession(mir, token, method, `/v1/staff${path}`, body);
const anonymous = (path: string, body: object) =>
  mir.client.post(`/v1/staff${path}`, undefined, body, fromNewAddress());

describe('POST /v1/staff/sessions', () => {
  it('starts a session of 12 hours, whose token is stored only as a hash', async () => {
    const { status, body } = await logInAs(mir, member.email.toUpperCase());
    expect(status).toBe(201);
    expect(body.sessionToken).toMatch(/^mir_session_[\w-]{20,}$/);
    expect(Math.round((Date.parse(body.expiresAt) - Date.now()) / 3_600_000)).toBe(12);
    const stored = await mir.ctx.store.staffSessions.model.findById(body.sessionId).lean();
    expect(JSON.stringify(stored)).not.toContain(body.sessionToken.replace('mir_session_', ''));
  });

  it('responds to an unknown address as to a wrong password', async () => {
    const wrong = await logInAs(mir, member.email, { password: 'wrong horse battery' });
    const unknown = await logInAs(mir, newStaffEmail());
    expectProblem(wrong, 401, 'LOG_IN_FAILED');
    expect({ ...unknown.body, requestId: '' }).toEqual({ ...wrong.body, requestId: '' });
  });

  it('does not know people with a history', async () => {
    const email = newStaffEmail();
    await mir.ctx.store.identities.signUp(email, new Date());
    expectProblem(await logInAs(mir, email), 401, 'LOG_IN_FAILED');
    expect(await mir.ctx.auth.logIn(member.email, PASSWORD)).toBe('WRONG');
  });

  it('limits attempts by address and account, without locking the owner out elsewhere', async () => {
    const headers = fromNewAddress();
    const attempt = () =>
      mir.client.post('/v1/staff/sessions', undefined, { email: member.email, password: 'wrong' }, headers);
    for (let n = 0; n < 10; n += 1) expectProblem(await attempt(), 401, 'LOG_IN_FAILED');
    expectProblem(await attempt(), 429, 'RATE_LIMITED');
    expect((await logInAs(mir, member.email)).status).toBe(201);
  });

  it('lists every problem of the body', async () => {
    const response = await anonymous('/sessions', { email: 'nobody', password: '' });
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(response.body.errors.map(({ path }: { path: string }) => path)).toEqual(['email', 'password']);
  });
});

describe('sessions', () => {
  it('are listed, and end one by one', async () => {
    const headers = { ...fromNewAddress(), 'user-agent': 'portal-test' };
    const body = { email: member.email, password: PASSWORD };
    const { body: second } = await mir.client.post('/v1/staff/sessions', undefined, body, headers);
    const { data } = (await asMember('GET', '/sessions')).body;
    expect(data).toMatchObject([
      { sessionId: second.sessionId, isCurrent: false, userAgent: 'portal-test' },
      { isCurrent: true },
    ]);
    expect((await asMember('DELETE', `/sessions/${second.sessionId}`)).status).toBe(200);
    expectProblem(await asMember('GET', '/me', undefined, second.sessionToken), 401, 'SESSION_INVALID');
    expect((await asMember('GET', '/sessions')).body.data).toHaveLength(1);
    expectProblem(await asMember('DELETE', `/sessions/${second.sessionId}`), 404, 'NOT_FOUND');
  });

  it('are limited: a login ends the oldest', async () => {
    for (let n = 0; n < 50; n += 1) await mir.ctx.staffAuth.startSession(member.staffId, undefined);
    const { sessionToken } = (await logInAs(mir, member.email)).body;
    expect((await asMember('GET', '/sessions', undefined, sessionToken)).body.data).toHaveLength(50);
    expectProblem(await asMember('GET', '/me'), 401, 'SESSION_INVALID');
    expectProblem(await mir.client.get('/v1/events', member.accessToken), 401, 'API_KEY_INVALID');
  });

  it('of another account cannot be ended', async () => {
    const other = await newMember(mir, partner.partnerId, 'VIEWER');
    const { sessionId } = (await asMember('GET', '/sessions', undefined, other.sessionToken)).body.data[0];
    expectProblem(await asMember('DELETE', `/sessions/${sessionId}`), 404, 'NOT_FOUND');
    expect((await asMember('GET', '/me', undefined, other.sessionToken)).status).toBe(200);
  });

  it('do not accept API keys or access tokens', async () => {
    for (const token of [partner.liveKey, member.accessToken, 'mir_session_', '']) {
      expectProblem(await asMember('GET', '/me', undefined, token), 401, 'SESSION_INVALID');
    }
  });

  it('expire', async () => {
    await mir.ctx.store.staffSessions.model.updateMany({ userId: member.staffId }, { expiresAt: new Date(0) });
    expectProblem(await asMember('GET', '/me'), 401, 'SESSION_INVALID');
  });
});

describe('PATCH /v1/staff/me', () => {
  it('changes the name', async () => {
    expect((await asMember('PATCH', '/me', { name: 'Dana Ito' })).body).toMatchObject({ name: 'Dana Ito' });
    expect((await asMember('GET', '/me')).body).toMatchObject({ name: 'Dana Ito', email: member.email });
  });
});

describe('a new password', () => {
  it('is set with the link from an email, and ends all sessions and access tokens', async () => {
    expect((await anonymous('/password/forgot', { email: member.email })).status).toBe(202);
    const token = await mailedSecret(mir, member.staffId);
    expect((await anonymous('/password/reset', { token, password: NEW_PASSWORD })).status).toBe(200);
    expectProblem(await asMember('GET', '/me'), 401, 'SESSION_INVALID');
    expectProblem(await mir.client.get('/v1/events', member.accessToken), 401, 'API_KEY_INVALID');
    expectProblem(await logInAs(mir, member.email), 401, 'LOG_IN_FAILED');
    expect((await logInAs(mir, member.email, { password: NEW_PASSWORD })).status).toBe(201);
    expectProblem(await anonymous('/password/reset', { token, password: PASSWORD }), 404, 'NOT_FOUND');
  });

  it('is offered with the same response to an unknown address', async () => {
    const known = await anonymous('/password/forgot', { email: member.email });
    const unknown = await anonymous('/password/forgot', { email: newStaffEmail() });
    expect(unknown.status).toBe(202);
    expect(unknown.body).toEqual(known.body);
  });
});

describe('a second factor', () => {
  async function enable(): Promise<{ otpauthUri: string; backupCodes: string[] }> {
    const created = await asMember('POST', '/second-factor', { password: PASSWORD });
    expect(created.status).toBe(201);
    const code = totp(created.body.otpauthUri);
    expect((await asMember('POST', '/second-factor/confirm', { code })).status).toBe(200);
    return created.body;
  }

  it('is needed only after its first code, which ends all sessions', async () => {
    expectProblem(await asMember('POST', '/second-factor', { password: 'wrong' }), 401, 'LOG_IN_FAILED');
    expectProblem(await asMember('POST', '/second-factor/confirm', { code: '123456' }), 404, 'NOT_FOUND');
    await asMember('POST', '/second-factor', { password: PASSWORD });
    expectProblem(await asMember('POST', '/second-factor/confirm', { code: '12345x' }), 401, 'LOG_IN_FAILED');
    expect((await logInAs(mir, member.email)).status).toBe(201);
    const { otpauthUri } = await enable();
    expectProblem(await asMember('GET', '/me'), 401, 'SESSION_INVALID');
    expectProblem(await logInAs(mir, member.email), 401, 'SECOND_FACTOR_REQUIRED');
    expectProblem(await logInAs(mir, member.email, { code: '000000' }), 401, 'LOG_IN_FAILED');
    expectProblem(
      await logInAs(mir, member.email, { password: 'wrong', code: totp(otpauthUri) }),
      401,
      'LOG_IN_FAILED',
    );
    expect((await logInAs(mir, member.email, { code: totp(otpauthUri) })).status).toBe(201);
  });

  it('accepts each backup code once', async () => {
    const { backupCodes } = await enable();
    const [code] = backupCodes;
    expect((await logInAs(mir, member.email, { code })).status).toBe(201);
    expectProblem(await logInAs(mir, member.email, { code }), 401, 'LOG_IN_FAILED');
  });

  it('is needed to confirm a login, and can be removed with the password', async () => {
    const { otpauthUri } = await enable();
    const { sessionToken } = (await logInAs(mir, member.email, { code: totp(otpauthUri) })).body;
    const confirm = (body: object) => asMember('POST', '/sessions/confirm', body, sessionToken);
    expectProblem(await confirm({ password: PASSWORD }), 401, 'SECOND_FACTOR_REQUIRED');
    expectProblem(await confirm({ password: PASSWORD, code: '000000' }), 401, 'LOG_IN_FAILED');
    expect((await confirm({ password: PASSWORD, code: totp(otpauthUri) })).status).toBe(200);
    const removed = await asMember('POST', '/second-factor/remove', { password: PASSWORD }, sessionToken);
    expect(removed.status).toBe(200);
    expect((await logInAs(mir, member.email)).status).toBe(201);
  });

  it('locks the account after too many wrong codes', async () => {
    await enable();
    const attempt = () => logInAs(mir, member.email, { code: '000000' });
    for (let n = 0; n < 10; n += 1) expectProblem(await attempt(), 401, 'LOG_IN_FAILED');
    expectProblem(await attempt(), 429, 'RATE_LIMITED');
  });
});
