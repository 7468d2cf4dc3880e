import { z } from 'zod';
import { transaction } from '../db/transaction';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { endSessions } from './end-sessions';
import { accountEntry, codeSchema, logInFailed, recentStaffAuth } from './session-schemas';
import { countConfirmation } from './throttles';

export const confirmSecondFactorRoute = route({
  operationId: 'confirmSecondFactor',
  method: 'POST',
  path: '/staff/second-factor/confirm',
  v1Only: true,
  auth: recentStaffAuth,
  tag: 'Staff accounts',
  summary: 'Turn on the second factor with its first code',
  description: 'Ends all sessions, including this one. Log in again with your password and a code.',
  query: noQuery,
  body: z.strictObject({ code: codeSchema }).meta({ id: 'ConfirmSecondFactorRequest' }),
  answers: {
    200: {
      description: 'Turned on',
      schema: z.object({ enabled: z.literal(true) }).meta({ id: 'ConfirmedSecondFactor' }),
    },
  },
  problems: ['LOG_IN_FAILED', 'NOT_FOUND'],
  handle: async ({ ctx, staff, body, requestId }) => {
    await countConfirmation(ctx, staff.staffId);
    const result = await ctx.staffAuth.confirmSecondFactor(staff, body.code);
    if (result === 'CODE_WRONG') throw logInFailed();
    if (result === 'NONE') throw new PublicError('NOT_FOUND', 'No second factor was set up. Set one up first.');
    const entry = accountEntry(staff, requestId, 'staff.second_factor_added');
    await transaction(ctx, (session) => ctx.store.audit.append(entry, session));
    await endSessions(ctx, staff.staffId, null);
    return { status: 200, body: { enabled: true } };
  },
});
