import { z } from 'zod';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { codeRequired, codeSchema, logInFailed, passwordSchema, staffAuth } from './session-schemas';
import { noteRejectedLogIn } from './rejected-log-ins';
import { countConfirmation } from './throttles';

export const confirmLogInRoute = route({
  operationId: 'confirmLogIn',
  method: 'POST',
  path: '/staff/sessions/confirm',
  v1Only: true,
  auth: staffAuth,
  tag: 'Staff accounts',
  summary: 'Confirm your password for sensitive changes',
  description:
    'Changes that grant lasting rights or cannot be undone need a login, or a confirmation, of the last 15 minutes. Get a new access token afterward.',
  query: noQuery,
  body: z.strictObject({ password: passwordSchema, code: codeSchema.optional() }).meta({ id: 'ConfirmLogInRequest' }),
  answers: {
    200: { description: 'Confirmed', schema: z.object({ confirmed: z.literal(true) }).meta({ id: 'ConfirmedLogIn' }) },
  },
  problems: ['LOG_IN_FAILED', 'SECOND_FACTOR_REQUIRED'],
  handle: async ({ ctx, staff, body }) => {
    await countConfirmation(ctx, staff.staffId);
    const result = await ctx.staffAuth.confirm(staff, body);
    if (result === 'CODE_REQUIRED') throw codeRequired();
    if (result !== 'DONE') {
      noteRejectedLogIn(ctx, { staffId: staff.staffId });
      throw logInFailed();
    }
    return { status: 200, body: { confirmed: true } };
  },
});
