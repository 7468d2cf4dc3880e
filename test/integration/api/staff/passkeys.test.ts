import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Authenticator, newAuthenticator } from '../../../support/authenticator';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { fromNewAddress, newMember, type TestMember, withSession } from '../../../support/staff';

let mir: Harness;
let partner: TestPartner;
let member: TestMember;
let authenticator: Authenticator;
beforeAll(async () => {
  mir = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
  partner = await mir.partner();
});
afterAll(() => mir.close());
beforeEach(async () => {
  member = await newMember(mir, partner.partnerId, 'VIEWER');
  authenticator = newAuthenticator(mir.ctx.config.publicUrl);
});

const asMember = (method: string, path: string, body?: unknown, token = member.sessionToken) =>
  withSession(mir, token, method, `/v1/staff${path}`, body);
const anonymous = (path: string, body?: object) =>
  mir.client.request('POST', `/v1/staff${path}`, { headers: fromNewAddress(), ...(body && { body }) });

async function add(from = authenticator, token = member.sessionToken): Promise<TestResponse> {
  const { challengeId, options } = (await asMember('POST', '/passkeys/options', undefined, token)).body;
  const body = { challengeId, name: 'Laptop', response: from.create(options) };
  return asMember('POST', '/passkeys', body, token);
}

async function logIn(from = authenticator, counter?: number): Promise<TestResponse> {
  const { challengeId, options } = (await anonymous('/sessions/passkey/options')).body;
  return anonymous('/sessions/passkey', { challengeId, response: from.sign(options, counter) });
}

describe('a passkey', () => {
  it('logs its account in without a password', async () => {
    const added = await add();
    expect(added).toMatchObject({ status: 201, body: { name: 'Laptop', lastUsedAt: null } });
    const { status, body } = await logIn();
    expect(status).toBe(201);
    expect((await asMember('GET', '/me', undefined, body.sessionToken)).body.staffId).toBe(member.staffId);
    const { data } = (await asMember('GET', '/passkeys')).body;
    expect(data).toMatchObject([{ passkeyId: added.body.passkeyId, lastUsedAt: expect.any(String) }]);
  });

  it('no longer logs in once it is removed', async () => {
    const { passkeyId } = (await add()).body;
    expect((await asMember('DELETE', `/passkeys/${passkeyId}`)).status).toBe(200);
    expectProblem(await logIn(), 401, 'LOG_IN_FAILED');
    expectProblem(await asMember('DELETE', `/passkeys/${passkeyId}`), 404, 'NOT_FOUND');
  });

  it('of another account is neither listed nor removed', async () => {
    const { passkeyId } = (await add()).body;
    const other = await newMember(mir, partner.partnerId, 'ADMINISTRATOR');
    expect((await asMember('GET', '/passkeys', undefined, other.sessionToken)).body.data).toEqual([]);
    expectProblem(await asMember('DELETE', `/passkeys/${passkeyId}`, undefined, other.sessionToken), 404, 'NOT_FOUND');
    expect((await logIn()).status).toBe(201);
  });

  it('is rejected if another site or another authenticator has signed', async () => {
    await add();
    expectProblem(await logIn(newAuthenticator('https://elsewhere.example')), 401, 'LOG_IN_FAILED');
    expectProblem(await logIn(newAuthenticator(mir.ctx.config.publicUrl)), 401, 'LOG_IN_FAILED');
    expectProblem(await add(newAuthenticator('https://elsewhere.example')), 409, 'CONFLICT');
  });

  it('must verify the person', async () => {
    expectProblem(await add(newAuthenticator(mir.ctx.config.publicUrl, { verifiesUser: false })), 409, 'CONFLICT');
  });

  it('is rejected if its counter shows that it was copied', async () => {
    await add();
    expect((await logIn(authenticator, 7)).status).toBe(201);
    expectProblem(await logIn(authenticator, 7), 401, 'LOG_IN_FAILED');
    expect((await logIn(authenticator, 8)).status).toBe(201);
  });

  it('answers each challenge once', async () => {
    await add();
    const { challengeId, options } = (await anonymous('/sessions/passkey/options')).body;
    const body = { challengeId, response: authenticator.sign(options) };
    expect((await anonymous('/sessions/passkey', body)).status).toBe(201);
    const again = { challengeId, response: authenticator.sign(options) };
    expectProblem(await anonymous('/sessions/passkey', again), 401, 'LOG_IN_FAILED');
  });

  it('is limited per account, also for challenges that were started before', async () => {
    const { challengeId, options } = (await asMember('POST', '/passkeys/options')).body;
    for (let n = 0; n < 20; n += 1) {
      const row = { _id: `${member.staffId}-${n}`, staffId: member.staffId, name: 'Any', publicKey: '', counter: 0 };
      await mir.ctx.store.passkeys.insert({ ...row, transports: [], createdAt: new Date() });
    }
    const body = { challengeId, name: 'One more', response: authenticator.create(options) };
    expectProblem(await asMember('POST', '/passkeys', body), 409, 'CONFLICT');
    expectProblem(await asMember('POST', '/passkeys/options'), 409, 'CONFLICT');
    expect((await asMember('GET', '/passkeys')).body.data).toHaveLength(20);
  });

  it('cannot answer a challenge of another account', async () => {
    const other = await newMember(mir, partner.partnerId, 'VIEWER');
    const { challengeId, options } = (await asMember('POST', '/passkeys/options')).body;
    const body = { challengeId, name: 'Stolen', response: authenticator.create(options) };
    expectProblem(await asMember('POST', '/passkeys', body, other.sessionToken), 409, 'CONFLICT');
  });
});
