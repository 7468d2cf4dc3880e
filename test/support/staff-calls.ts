import { addPasskey, passkeyCreation, passkeyLogIn } from '../../api/accounts/passkeys';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import { OPERATORS } from '../../shared/store/members';
import { randomUUID } from 'node:crypto';
import { staffCookie } from '../../api/accounts/staff-cookie';
import { accountRequests } from './account-requests';
import { newAuthenticator } from './authenticator';
import type { Harness, TestPartner } from './harness';
import type { OidcServer } from './oidc-server';
import { PASSWORD } from './people';
import { logInAtProvider } from './route-fixtures';
import { accessToken, insertMember, invite, newStaffEmail, totp } from './staff';

interface Options {
  params?: Record<string, string>;
  body?: unknown;
  key?: string;
  headers?: Record<string, string>;
}

/** A request to a route about staff accounts or members, and whether it needs Redis. */
export type StaffCall = [route: string, needs: 'store' | 'both', options: Options];

type Challenge = { challenge: string };

/** What the requests for pages of the portal need. */
export interface PortalFixtures {
  email: string;
  session: { id: string; cookie: string };
  /** A session of an operator with all rights. */
  operator: { id: string; cookie: string };
  /** Another session of the same account. */
  endedId: string;
  oidc: { query: string; cookie: string };
  /** A session of another account, to log out. */
  loggedOut: { id: string; cookie: string };
  /** A member to change, and an invitation to withdraw. */
  memberId: string;
  invitationId: string;
  /** Requests for pages about accounts. */
  account: Awaited<ReturnType<typeof accountRequests>>;
  tokens: Record<'invitationShown' | 'invitationUsed' | 'resetShown' | 'resetUsed', string>;
}

/** Creates the accounts and secrets that the requests for pages of the portal need. */
export async function portalFixtures(h: Harness, partner: TestPartner, provider: OidcServer): Promise<PortalFixtures> {
  const { partnerId } = partner;
  const { store, staffAuth } = h.ctx;
  const start = async (staffId: string): Promise<PortalFixtures['session']> => {
    const started = await staffAuth.startSession(staffId, undefined);
    return { id: started.session.sessionId, cookie: staffCookie(h.ctx, started).split(';')[0]! };
  };
  const reset = (staffId: string): Promise<string> =>
    store.transaction((session) => store.staffVerifications.create(staffId, 3_600_000, session), STORE_TIMEOUT_MS);
  const { staffId, email } = await insertMember(h, partnerId, 'ADMINISTRATOR');
  const other = await insertMember(h, partnerId);
  const resetting = await insertMember(h, partnerId);
  // With access tokens, ending a session needs Redis.
  const withToken = async (sessionId: string, of: string): Promise<void> => {
    const row = await store.members.of(partnerId, of);
    const now = new Date();
    await store.transaction(
      (session) =>
        store.accessTokens.insert(
          {
            _id: randomUUID(),
            partnerId,
            env: 'live',
            memberId: row!._id,
            staffId: of,
            sessionId,
            name: 'Any',
            role: 'VIEWER',
            confirmedAt: now,
            createdAt: now,
            expiresAt: new Date(now.getTime() + 3_600_000),
          },
          session,
        ),
      STORE_TIMEOUT_MS,
    );
  };
  const [session, ended, loggedOut] = [await start(staffId), await start(staffId), await start(other.staffId)];
  const resettingSession = await start(resetting.staffId);
  await withToken(ended.id, staffId);
  await withToken(loggedOut.id, other.staffId);
  await withToken(resettingSession.id, resetting.staffId);
  return {
    email,
    session,
    operator: await start((await insertMember(h, OPERATORS, 'ADMIN')).staffId),
    endedId: ended.id,
    oidc: await logInAtProvider(h, provider, { email: other.email, path: '/portal/login/oidc' }),
    loggedOut,
    memberId: (await insertMember(h, partnerId)).memberId,
    invitationId: (await invite(h, partnerId, 'VIEWER')).invitationId,
    account: await accountRequests(h, partner),
    tokens: {
      invitationShown: (await invite(h, partnerId, 'VIEWER')).token,
      invitationUsed: (await invite(h, partnerId, 'VIEWER')).token,
      resetShown: await reset(resetting.staffId),
      resetUsed: await reset(resetting.staffId),
    },
  };
}

/** Returns one request that succeeds for each route about staff accounts and members. Each changes its own rows. */
export async function staffCalls(h: Harness, { partnerId }: TestPartner): Promise<StaffCall[]> {
  const { ctx } = h;
  const { store, staffAuth } = ctx;

  const account = async () => {
    const { staffId, memberId, email } = await insertMember(h, partnerId, 'ADMINISTRATOR');
    const { sessionToken, session } = await staffAuth.startSession(staffId, undefined);
    return { staffId, memberId, email, session, sessionToken, headers: { authorization: `Bearer ${sessionToken}` } };
  };
  const passkeyOf = async (one: Awaited<ReturnType<typeof account>>) => {
    const authenticator = newAuthenticator(ctx.config.publicUrl);
    const { challengeId, options } = await passkeyCreation(ctx, one.session);
    const response = authenticator.create(options as Challenge);
    const added = await addPasskey(ctx, one.staffId, { challengeId, response, name: 'Any' });
    return { authenticator, passkeyId: added!._id };
  };

  const reader = await account();
  const admin = await accessToken(h, reader.sessionToken, partnerId);
  const ended = await account();
  await accessToken(h, ended.sessionToken, partnerId);
  const confirming = await account();
  const factor = await staffAuth.createSecondFactor(confirming.session, PASSWORD);
  if (typeof factor === 'string') throw new Error(`no second factor: ${factor}`);
  const creating = await account();
  const creation = await passkeyCreation(ctx, creating.session);
  const created = newAuthenticator(ctx.config.publicUrl).create(creation.options as Challenge);
  const withPasskey = await account();
  const { authenticator } = await passkeyOf(withPasskey);
  const logIn = await passkeyLogIn(ctx);
  const deleting = await account();
  const { passkeyId } = await passkeyOf(deleting);
  const resetting = await account();
  await accessToken(h, resetting.sessionToken, partnerId);
  const token = await store.transaction(
    (session) => store.staffVerifications.create(resetting.staffId, 3_600_000, session),
    STORE_TIMEOUT_MS,
  );
  const [changed, removed] = [await insertMember(h, partnerId), await insertMember(h, partnerId)];
  const [accepted, withdrawn] = [await invite(h, partnerId, 'VIEWER'), await invite(h, partnerId, 'VIEWER')];
  const password = { password: PASSWORD };
  // Caches the token's credential, so that calls with it need only what their routes need.
  await h.client.get('/v1/members', admin);
  return [
    ['POST /staff/sessions', 'both', { body: { email: reader.email, ...password } }],
    ['GET /staff/sessions', 'store', { headers: reader.headers }],
    ['POST /staff/sessions/confirm', 'both', { headers: reader.headers, body: password }],
    ['POST /staff/sessions/passkey/options', 'both', {}],
    [
      'POST /staff/sessions/passkey',
      'both',
      { body: { challengeId: logIn.challengeId, response: authenticator.sign(logIn.options as Challenge) } },
    ],
    ['DELETE /staff/sessions/:id', 'both', { headers: ended.headers, params: { id: 'current' } }],
    ['POST /staff/access-tokens', 'store', { headers: reader.headers, body: { partnerId, environment: 'test' } }],
    ['GET /staff/me', 'store', { headers: reader.headers }],
    ['PATCH /staff/me', 'store', { headers: reader.headers, body: { name: 'Any' } }],
    ['POST /staff/password/forgot', 'both', { body: { email: newStaffEmail() } }],
    ['POST /staff/password/reset', 'both', { body: { token, ...password } }],
    ['POST /staff/invitations/accept', 'both', { body: { token: accepted.token, name: 'Any', ...password } }],
    ['POST /staff/second-factor', 'both', { headers: (await account()).headers, body: password }],
    [
      'POST /staff/second-factor/confirm',
      'both',
      { headers: confirming.headers, body: { code: totp(factor.otpauthUri) } },
    ],
    ['POST /staff/second-factor/remove', 'both', { headers: (await account()).headers, body: password }],
    ['POST /staff/passkeys/options', 'store', { headers: reader.headers }],
    [
      'POST /staff/passkeys',
      'store',
      { headers: creating.headers, body: { challengeId: creation.challengeId, name: 'Any', response: created } },
    ],
    ['GET /staff/passkeys', 'store', { headers: reader.headers }],
    ['DELETE /staff/passkeys/:id', 'store', { headers: deleting.headers, params: { id: passkeyId } }],
    ['GET /members', 'store', { key: admin }],
    ['GET /members/invitations', 'store', { key: admin }],
    ['POST /members/invitations', 'both', { key: admin, body: { email: newStaffEmail(), role: 'VIEWER' } }],
    ['DELETE /members/invitations/:id', 'both', { key: admin, params: { id: withdrawn.invitationId } }],
    ['PATCH /members/:id', 'both', { key: admin, params: { id: changed.memberId }, body: { role: 'DEVELOPER' } }],
    ['DELETE /members/:id', 'both', { key: admin, params: { id: removed.memberId } }],
  ];
}
