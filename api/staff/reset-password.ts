import { z } from 'zod';
import type { ApiContext } from '../context';
import { transaction } from '../db/transaction';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { endSessions } from './end-sessions';
import { accountEntry, mailedSecretSchema, newPasswordSchema } from './session-schemas';
import { countSecret } from './throttles';

/** Sets the password that an emailed secret allows to set. Ends all sessions. Returns false if the secret is invalid. */
export async function resetPassword(
  ctx: ApiContext,
  { token, password }: { token: string; password: string },
  requestId: string,
): Promise<boolean> {
  const { store, staffAuth } = ctx;
  const staffId = await staffAuth.ownerOfLink(token);
  const account = staffId === null ? null : await store.staff.get(staffId);
  if (!account) return false;
  // Ends the access tokens, too, which the library does not know.
  await endSessions(ctx, account._id, null);
  if ((await staffAuth.reset(token, password)) === 'INVALID') return false;
  const entry = accountEntry({ staffId: account._id, name: account.name }, requestId, 'staff.password_reset');
  await transaction(ctx, (session) => store.audit.append(entry, session));
  return true;
}

export const resetPasswordRoute = route({
  operationId: 'resetPassword',
  method: 'POST',
  path: '/staff/password/reset',
  v1Only: true,
  auth: { kind: 'public' },
  tag: 'Staff accounts',
  summary: 'Choose a new password with the link from an email',
  description: 'Ends all sessions of the account. A second factor stays.',
  query: noQuery,
  body: z.strictObject({ token: mailedSecretSchema, password: newPasswordSchema }).meta({ id: 'ResetPasswordRequest' }),
  answers: {
    200: { description: 'Set', schema: z.object({ reset: z.literal(true) }).meta({ id: 'ResetPassword' }) },
  },
  problems: ['NOT_FOUND', 'RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, body, ip, requestId }) => {
    await countSecret(ctx, ip);
    if (!(await resetPassword(ctx, body, requestId))) {
      throw new PublicError('NOT_FOUND', 'The link has expired or was already used. Request a new email.');
    }
    return { status: 200, body: { reset: true } };
  },
});
