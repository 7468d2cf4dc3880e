import { z } from 'zod';
import { newAccessToken } from '../../shared/domain/api-key';
import { type Env, type PartnerId, tagOf } from '../../shared/domain/ids';
import { type MemberRole, ROLE_SCOPES } from '../../shared/domain/roles';
import { MirError } from '../../shared/errors';
import type { AccessTokenDoc } from '../../shared/store/access-tokens';
import { OPERATORS } from '../../shared/store/members';
import type { StaffSession } from '../accounts/staff-auth';
import type { ApiContext } from '../context';
import { transaction } from '../db/transaction';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { environmentSchema } from '../http/schemas';
import { memberRoleSchema } from '../members/member-schemas';
import { staffAuth } from './session-schemas';

/** Lifetime of an access token. */
export const ACCESS_TOKEN_LIFETIME_MS = 3_600_000;
/** Maximum number of access tokens of a session that have not expired. */
const MAX_TOKENS_PER_SESSION = 50;

/**
 * Creates an access token for a member, with a random secret by default. Throws 404 if the account is not a member of the
 * partner.
 */
export async function createAccessToken(
  { store }: Pick<ApiContext, 'store'>,
  { staffId, sessionId, name, confirmedAt, expiresAt }: StaffSession,
  { partnerId, env, secret }: { partnerId: PartnerId; env: Env; secret?: Buffer },
): Promise<{ accessToken: string; row: AccessTokenDoc }> {
  const now = new Date();
  return transaction({ store }, async (session) => {
    const member = partnerId.startsWith(OPERATORS) ? null : await store.members.of(partnerId, staffId, session);
    if (!member) throw new PublicError('NOT_FOUND', 'You are not a member of this partner. Check the partner ID.');
    if (!(await store.staffSessions.lock(sessionId, session))) {
      throw new MirError('SESSION_INVALID', 'the session ended during the request');
    }
    if ((await store.accessTokens.count(sessionId, session)) >= MAX_TOKENS_PER_SESSION) {
      throw new PublicError(
        'CONFLICT',
        `A session can have at most ${MAX_TOKENS_PER_SESSION} access tokens. Use one again, or log in again.`,
      );
    }
    const { key: accessToken, hash } = newAccessToken(env, tagOf(partnerId), secret);
    const row: AccessTokenDoc = {
      _id: hash,
      partnerId,
      env,
      memberId: member._id,
      staffId,
      sessionId,
      name,
      role: member.role as MemberRole,
      confirmedAt,
      createdAt: now,
      expiresAt: new Date(Math.min(now.getTime() + ACCESS_TOKEN_LIFETIME_MS, expiresAt.getTime())),
    };
    await store.accessTokens.insert(row, session);
    return { accessToken, row };
  });
}

export const createAccessTokenRoute = route({
  operationId: 'createAccessToken',
  method: 'POST',
  path: '/staff/access-tokens',
  v1Only: true,
  auth: staffAuth,
  tag: 'Staff accounts',
  summary: 'Get an access token for one environment of a partner',
  description:
    'Use it like an API key: with it, you may do what your role allows, and the audit log names you. It expires after an hour, and ends at once when the session ends or your role changes.',
  query: noQuery,
  body: z
    .strictObject({
      partnerId: z
        .string()
        .max(100)
        .meta({ examples: ['prt_abcdefghijkm'] }),
      environment: environmentSchema,
    })
    .meta({ id: 'CreateAccessTokenRequest' }),
  answers: {
    201: {
      description: 'The token, which is shown only once',
      schema: z
        .object({
          accessToken: z
            .string()
            .describe('Shown only once.')
            .meta({ examples: [`mir_live_member_abcdefghijkm_${'0'.repeat(49)}`] }),
          role: memberRoleSchema,
          scopes: z.array(z.string()),
          expiresAt: z.iso.datetime(),
        })
        .meta({ id: 'CreatedAccessToken' }),
    },
  },
  problems: ['NOT_FOUND', 'CONFLICT'],
  handle: async ({ ctx, staff, body }) => {
    const partnerId = body.partnerId as PartnerId;
    const { accessToken, row } = await createAccessToken(ctx, staff, { partnerId, env: body.environment });
    const { role, expiresAt } = row;
    const scopes = [...ROLE_SCOPES[role]];
    return { status: 201, body: { accessToken, role, scopes, expiresAt: expiresAt.toISOString() } };
  },
});
