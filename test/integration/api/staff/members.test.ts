import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { changeMember } from '../../../../api/members/change-members';
import { inviteMember } from '../../../../api/members/invite-member';
import { OPERATORS } from '../../../../shared/store/members';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { auditOf } from '../../../support/partners';
import { PASSWORD } from '../../../support/people';
import { expectProblem } from '../../../support/problems';
import {
  fromNewAddress,
  invite,
  logInAs,
  mailedSecret,
  newMember,
  newStaffEmail,
  type TestMember,
  withSession,
} from '../../../support/staff';

let mir: Harness;
let partner: TestPartner;
let admin: TestMember;
beforeAll(async () => {
  mir = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
});
afterAll(() => mir.close());
beforeEach(async () => {
  partner = await mir.partner();
  admin = await newMember(mir, partner.partnerId, 'ADMINISTRATOR');
});

const accept = (body: object) => mir.client.post('/v1/staff/invitations/accept', undefined, body, fromNewAddress());
const call = (method: string, path: string, token: string, body?: unknown) =>
  mir.client.request(method, `/v1/members${path}`, body === undefined ? { key: token } : { key: token, body });
const rolesOf = async (): Promise<string[]> =>
  (await call('GET', '', admin.accessToken)).body.data.map(({ role }: { role: string }) => role);

describe('invitations', () => {
  it('make the recipient of the email a member, once', async () => {
    const email = newStaffEmail();
    const invited = await call('POST', '/invitations', admin.accessToken, {
      email: email.toUpperCase(),
      role: 'VIEWER',
    });
    expect(invited.status).toBe(201);
    expect(invited.body).toMatchObject({ email, role: 'VIEWER' });
    expect((await call('GET', '/invitations', admin.accessToken)).body.data).toEqual([invited.body]);

    const token = await mailedSecret(mir, invited.body.invitationId);
    const accepted = await accept({ token, name: 'Bea Ruiz', password: PASSWORD });
    expect(accepted).toMatchObject({ status: 200, body: { created: true } });
    const { data } = (await call('GET', '', admin.accessToken)).body;
    expect(data).toMatchObject([
      { name: 'Bea Ruiz', email, role: 'VIEWER', hasSecondFactor: false },
      { email: admin.email, role: 'ADMINISTRATOR' },
    ]);
    expectProblem(await accept({ token, name: 'Bea Ruiz', password: PASSWORD }), 404, 'NOT_FOUND');
    expect((await call('GET', '/invitations', admin.accessToken)).body.data).toEqual([]);

    const [sent] = await auditOf(mir.ctx, invited.body.invitationId);
    expect(sent).toMatchObject({ action: 'member.invited', actor: { kind: 'MEMBER', memberId: admin.memberId } });
    const [joined] = await auditOf(mir.ctx, data[0].memberId);
    expect(joined).toMatchObject({ action: 'member.joined', partnerId: partner.partnerId, after: { role: 'VIEWER' } });
    expect(JSON.stringify([sent, joined])).not.toContain(email);
  });

  it('ask for a name and a password only if the address has no account', async () => {
    const { token } = await invite(mir, partner.partnerId, 'VIEWER');
    const incomplete = await accept({ token });
    expectProblem(incomplete, 422, 'VALIDATION_FAILED');
    expect(incomplete.body.errors.map(({ path }: { path: string }) => path)).toEqual(['name', 'password']);

    const other = await mir.partner();
    const { token: second } = await invite(mir, other.partnerId, 'DEVELOPER', admin.email);
    expect(await accept({ token: second })).toMatchObject({ body: { created: false, staffId: admin.staffId } });
    const { body } = await withSession(mir, admin.sessionToken, 'GET', '/v1/staff/me');
    expect(body.memberships).toMatchObject([
      { partnerId: partner.partnerId, role: 'ADMINISTRATOR' },
      { partnerId: other.partnerId, role: 'DEVELOPER' },
    ]);
  });

  it('end when they are withdrawn, replaced or expired', async () => {
    const withdrawn = await invite(mir, partner.partnerId, 'VIEWER');
    expect((await call('DELETE', `/invitations/${withdrawn.invitationId}`, admin.accessToken)).status).toBe(200);
    const first = await invite(mir, partner.partnerId, 'VIEWER');
    const replacement = await invite(mir, partner.partnerId, 'DEVELOPER', first.email);
    const expired = await invite(mir, partner.partnerId, 'VIEWER');
    await mir.ctx.store.memberInvitations.model.updateOne({ _id: expired.invitationId }, { expiresAt: new Date(0) });
    for (const { token } of [withdrawn, first, expired]) {
      expectProblem(await accept({ token, name: 'X', password: PASSWORD }), 404, 'NOT_FOUND');
    }
    expect((await accept({ token: replacement.token, name: 'X', password: PASSWORD })).status).toBe(200);
  });

  it('accepted twice at the same time create one account and one membership', async () => {
    const { token, email } = await invite(mir, partner.partnerId, 'VIEWER');
    const body = { token, name: 'Twin', password: PASSWORD };
    const statuses = (await Promise.all([accept(body), accept(body), accept(body)])).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status >= 500)).toEqual([]);
    expect(await mir.ctx.store.staff.model.countDocuments({ email })).toBe(1);
    expect(await rolesOf()).toEqual(['VIEWER', 'ADMINISTRATOR']);
  });

  it('are limited per partner', async () => {
    for (let n = 0; n < 50; n += 1) await invite(mir, partner.partnerId, 'VIEWER');
    const body = { email: newStaffEmail(), role: 'VIEWER' };
    expectProblem(await call('POST', '/invitations', admin.accessToken, body), 409, 'CONFLICT');
  });

  it('need email', async () => {
    const { config } = mir.ctx;
    const withoutMail = { ...mir, ctx: { ...mir.ctx, config: { ...config, mail: { kind: 'off' as const } } } };
    await expect(invite(withoutMail, partner.partnerId, 'VIEWER')).rejects.toThrow('CONFLICT');
  });
});

describe('roles', () => {
  it('change at once: the access tokens of the earlier role end', async () => {
    const member = await newMember(mir, partner.partnerId, 'DEVELOPER');
    expect((await mir.client.get('/v1/keys', member.accessToken)).status).toBe(200);
    const changed = await call('PATCH', `/${member.memberId}`, admin.accessToken, { role: 'VIEWER' });
    expect(changed).toMatchObject({ status: 200, body: { role: 'VIEWER' } });
    expectProblem(await mir.client.get('/v1/keys', member.accessToken), 401, 'API_KEY_INVALID');
    const [, entry] = await auditOf(mir.ctx, member.memberId);
    expect(entry).toMatchObject({
      action: 'member.role_changed',
      before: { role: 'DEVELOPER' },
      after: { role: 'VIEWER' },
    });
  });

  it('end with the membership, while the account stays', async () => {
    const member = await newMember(mir, partner.partnerId, 'DEVELOPER');
    expect((await call('DELETE', `/${member.memberId}`, admin.accessToken)).status).toBe(200);
    expectProblem(await mir.client.get('/v1/events', member.accessToken), 401, 'API_KEY_INVALID');
    const { body } = await withSession(mir, member.sessionToken, 'GET', '/v1/staff/me');
    expect(body.memberships).toEqual([]);
  });

  it('keep the last administrator, also if two leave at the same time', async () => {
    const only = await call('DELETE', `/${admin.memberId}`, admin.accessToken);
    expectProblem(only, 409, 'LAST_ADMINISTRATOR');
    const demoted = await call('PATCH', `/${admin.memberId}`, admin.accessToken, { role: 'VIEWER' });
    expectProblem(demoted, 409, 'LAST_ADMINISTRATOR');
    const second = await newMember(mir, partner.partnerId, 'ADMINISTRATOR');
    const results = await Promise.all([
      call('DELETE', `/${admin.memberId}`, second.accessToken),
      call('DELETE', `/${second.memberId}`, admin.accessToken),
    ]);
    expect(results.filter(({ status }) => status === 200)).toHaveLength(1);
    const { model } = mir.ctx.store.members;
    expect(await model.countDocuments({ organization: partner.partnerId, role: 'ADMINISTRATOR' })).toBe(1);
  });

  it('do not let a member act as an administrator who no longer is one, even if the request was authorized before', async () => {
    const second = await newMember(mir, partner.partnerId, 'ADMINISTRATOR');
    const viewer = await newMember(mir, partner.partnerId, 'VIEWER');
    await call('PATCH', `/${second.memberId}`, admin.accessToken, { role: 'VIEWER' });
    const context = { actor: { kind: 'SYSTEM' }, requestId: 'r', at: new Date() } as const;
    const by = { auditContext: context, actingMemberId: second.memberId };
    const changing = changeMember(mir.ctx, partner.partnerId, viewer.memberId, 'ADMINISTRATOR', by);
    await expect(changing).rejects.toThrow('API_KEY_INVALID');
    const invitation = {
      organization: partner.partnerId,
      email: newStaffEmail(),
      role: 'VIEWER',
      invitedBy: '',
    } as const;
    const inviting = inviteMember(mir.ctx, { ...invitation, invitingMemberId: second.memberId }, context);
    await expect(inviting).rejects.toThrow('API_KEY_INVALID');
    expect(await rolesOf()).toEqual(['VIEWER', 'VIEWER', 'ADMINISTRATOR']);
  });

  it('let only administrators manage members, and only those of their partner', async () => {
    const developer = await newMember(mir, partner.partnerId, 'DEVELOPER');
    const body = { email: newStaffEmail(), role: 'ADMINISTRATOR' };
    expectProblem(await call('POST', '/invitations', developer.accessToken, body), 403, 'SCOPE_MISSING');
    expectProblem(await call('POST', '/invitations', partner.liveKey, body), 403, 'SCOPE_MISSING');
    const other = await mir.partner();
    const stranger = await newMember(mir, other.partnerId, 'ADMINISTRATOR');
    const foreign = await call('PATCH', `/${developer.memberId}`, stranger.accessToken, { role: 'VIEWER' });
    const unknown = await call('PATCH', '/mem_none', stranger.accessToken, { role: 'VIEWER' });
    expectProblem(foreign, 404, 'NOT_FOUND');
    expect(foreign.body.detail).toBe(unknown.body.detail);
  });
});

describe('operators', () => {
  it('are members of an organization of their own, with rights instead of scopes', async () => {
    const { token, email } = await invite(mir, OPERATORS, 'ON_CALL');
    await accept({ token, name: 'Cem Öz', password: PASSWORD });
    const { sessionToken } = (await logInAs(mir, email)).body;
    const { body } = await withSession(mir, sessionToken, 'GET', '/v1/staff/me');
    expect(body).toMatchObject({ memberships: [], operator: { role: 'ON_CALL' } });
    expect(body.operator.rights).toContain('agents:stop');
    expect(body.operator.rights).not.toContain('operators:manage');
  });
});
