import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cli, cliReading } from '../../../support/cli';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { auditOf } from '../../../support/partners';
import { PASSWORD } from '../../../support/people';
import { mailedSecret, newStaffEmail } from '../../../support/staff';

let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  h = await startHarness({ workers: false });
  partner = await h.partner();
});
afterAll(() => h.close());

const ofPartner = (): string[] => ['--partner', partner.partnerId];

async function join(organization: string[], role: string): Promise<string> {
  const email = newStaffEmail();
  const invited = await cliReading(email, h.env, 'members', 'invite', ...organization, '--role', role, '--json');
  expect(invited).toMatchObject({ code: 0, err: '' });
  const token = await mailedSecret(h, invited.json().invitationId);
  const body = { token, name: `Member ${role}`, password: PASSWORD };
  expect((await h.client.post('/v1/staff/invitations/accept', undefined, body)).status).toBe(200);
  const { data } = (await cli(h.env, 'members', 'list', ...organization, '--json')).json();
  const member = data.find((one: { email: string }) => one.email === email);
  expect(member).toMatchObject({ name: `Member ${role}`, role });
  return member.memberId;
}

describe('mir members', () => {
  it('invites, changes and removes members under the name of the operator', async () => {
    await join(ofPartner(), 'ADMINISTRATOR');
    const memberId = await join(ofPartner(), 'VIEWER');
    const changed = await cli(h.env, 'members', 'role', memberId, ...ofPartner(), '--role', 'DEVELOPER');
    expect(changed).toMatchObject({ code: 0, out: `${memberId} has the role DEVELOPER now.\n` });
    const removed = await cli(h.env, 'members', 'remove', memberId, ...ofPartner(), '--as', 'Ana Diaz', '--json');
    expect(removed.json()).toEqual({ memberId, removed: true });
    const entries = await auditOf(h.ctx, memberId);
    expect(entries.map(({ action }) => action)).toEqual(['member.joined', 'member.role_changed', 'member.removed']);
    expect(entries.at(-1)!.actor).toEqual({ kind: 'OPERATOR', via: 'CLI', name: 'Ana Diaz' });
  });

  it('manages the operators of this server, with roles of their own', async () => {
    const memberId = await join(['--operators'], 'ADMIN');
    const { data } = (await cli(h.env, 'members', 'list', ...ofPartner(), '--json')).json();
    expect(data.map((one: { memberId: string }) => one.memberId)).not.toContain(memberId);
    const last = await cli(h.env, 'members', 'remove', memberId, '--operators');
    expect(last.code).toBe(1);
    expect(last.err).toContain('LAST_ADMINISTRATOR');
  });

  it('lists every problem of a command line', async () => {
    const invite = await cliReading('x@y.example', h.env, 'members', 'invite', '--role', 'ADMIN');
    expect(invite.code).toBe(2);
    expect(invite.err).toContain('name either --partner <partnerId> or --operators');
    expect(invite.err).toContain('add --role with one of VIEWER, DEVELOPER, AGENT_MANAGER, ADMINISTRATOR');
    const email = await cliReading('nobody', h.env, 'members', 'invite', ...ofPartner(), '--role', 'VIEWER');
    expect(email.err).toContain('VALIDATION_FAILED');
    const unknown = await cli(h.env, 'members', 'list', '--partner', 'prt_none');
    expect(unknown.err).toContain('NOT_FOUND');
  });
});
