import { z } from 'zod';
import { transaction } from '../db/transaction';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { endSessions } from './end-sessions';
import { accountEntry, logInFailed, passwordSchema, recentStaffAuth } from './session-schemas';
import { countConfirmation } from './throttles';

export const removeSecondFactorRoute = route({
  operationId: 'removeSecondFactor',
  method: 'POST',
  path: '/staff/second-factor/remove',
  v1Only: true,
  auth: recentStaffAuth,
  tag: 'Staff accounts',
  summary: 'Remove the second factor',
  description: 'Ends all sessions, including this one.',
  query: noQuery,
  body: z.strictObject({ password: passwordSchema }).meta({ id: 'RemoveSecondFactorRequest' }),
  answers: {
    200: {
      description: 'Removed. Logins need only the password',
      schema: z.object({ enabled: z.literal(false) }).meta({ id: 'RemovedSecondFactor' }),
    },
  },
  problems: ['LOG_IN_FAILED'],
  handle: async ({ ctx, staff, body, requestId }) => {
    await countConfirmation(ctx, staff.staffId);
    if ((await ctx.staffAuth.removeSecondFactor(staff, body.password)) === 'WRONG') throw logInFailed();
    const entry = accountEntry(staff, requestId, 'staff.second_factor_removed');
    await transaction(ctx, (session) => ctx.store.audit.append(entry, session));
    await endSessions(ctx, staff.staffId, null);
    return { status: 200, body: { enabled: false } };
  },
});
