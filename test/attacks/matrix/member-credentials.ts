import { MEMBER_ROLES } from '../../../shared/domain/roles';
import type { Harness } from '../../support/harness';
import { accessToken, insertMember, withSession } from '../../support/staff';
import type { Credential, Denial } from './credentials';
import type { Owner } from './resources';

const INVALID: Denial = { status: 401, code: 'API_KEY_INVALID' };
const EXPIRED: Denial = { status: 401, code: 'API_KEY_EXPIRED' };
/** Longer ago than a recent login. */
const LONG_AGO_MS = 3_600_000;

/** Returns credentials of members: access tokens of each role, and such that no longer work, and sessions. */
export async function memberCredentials(h: Harness, owner: Owner, foreign: Owner): Promise<Credential[]> {
  const { staffAuth, store } = h.ctx;
  const { partnerId } = owner.partner;

  const session = async (staffId: string): Promise<{ sessionId: string; token: string }> => {
    const { sessionToken, session: started } = await staffAuth.startSession(staffId, undefined);
    return { sessionId: started.sessionId, token: sessionToken };
  };
  const member = async (role: (typeof MEMBER_ROLES)[number], of = owner) => {
    const { staffId, memberId } = await insertMember(h, of.partner.partnerId, role);
    const { token, sessionId } = await session(staffId);
    return { memberId, sessionId, token, accessToken: await accessToken(h, token, of.partner.partnerId) };
  };
  const token = (name: string, apiKey: string, rejection: Denial | null, more = {}): Credential => ({
    name,
    headers: { 'x-api-key': apiKey },
    rejection,
    owner,
    ...more,
  });
  const staff = (name: string, sessionToken: string, more = {}): Credential => ({
    name,
    headers: { authorization: `Bearer ${sessionToken}` },
    rejection: INVALID,
    owner,
    ...more,
  });

  const roles = await Promise.all(
    MEMBER_ROLES.map(async (role) =>
      token(`an access token of the role ${role}`, (await member(role)).accessToken, null, { role }),
    ),
  );
  const ended = await member('ADMINISTRATOR');
  await withSession(h, ended.token, 'DELETE', '/v1/staff/sessions/current');
  const removed = await member('VIEWER');
  await h.client.request('DELETE', `/v1/members/${removed.memberId}`, {
    key: (await member('ADMINISTRATOR')).accessToken,
  });
  const expired = await member('ADMINISTRATOR');
  await store.accessTokens.model.updateOne({ sessionId: expired.sessionId }, { expiresAt: new Date(0) });
  const earlier = await session(owner.staffId);
  await store.staffSessions.recordConfirmed(earlier.sessionId, new Date(Date.now() - LONG_AGO_MS));
  const long = { loggedInLongAgo: true };
  return [
    ...roles,
    token('an access token whose session has ended', ended.accessToken, INVALID),
    token('an access token of a removed member', removed.accessToken, INVALID),
    token('an expired access token', expired.accessToken, EXPIRED),
    token("another partner's administrator", (await member('ADMINISTRATOR', foreign)).accessToken, null, {
      role: 'ADMINISTRATOR',
      owner: foreign,
    }),
    token('an administrator who logged in long ago', await accessToken(h, earlier.token, partnerId), null, {
      role: 'ADMINISTRATOR',
      ...long,
    }),
    token('a session token as an API key', earlier.token, INVALID),
    staff('a session', (await session(owner.staffId)).token, { isStaff: true }),
    staff('a session of someone who logged in long ago', earlier.token, { isStaff: true, ...long }),
    staff('a session that has ended', ended.token),
    staff('an access token as a bearer token', (await member('VIEWER')).accessToken, {
      rejection: null,
      role: 'VIEWER',
    }),
  ];
}
