import { z } from 'zod';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { logInFailed, passwordSchema, recentStaffAuth } from './session-schemas';
import { countConfirmation } from './throttles';

export const createSecondFactorRoute = route({
  operationId: 'createSecondFactor',
  method: 'POST',
  path: '/staff/second-factor',
  v1Only: true,
  auth: recentStaffAuth,
  tag: 'Staff accounts',
  summary: 'Set up a second factor',
  description:
    'Add `otpauthUri` to an authenticator app (RFC 6238), keep the backup codes in a safe place, and confirm the first code. Until then, logins do not need a code. A repeated call replaces a second factor that was not confirmed.',
  query: noQuery,
  body: z.strictObject({ password: passwordSchema }).meta({ id: 'CreateSecondFactorRequest' }),
  answers: {
    201: {
      description: 'The second factor, which is shown only once',
      schema: z
        .object({
          otpauthUri: z.string().meta({ examples: ['otpauth://totp/MIR:ana@example.org?secret=…&issuer=MIR'] }),
          backupCodes: z.array(z.string()).describe('Each works once instead of a code.'),
        })
        .meta({ id: 'NewSecondFactor' }),
    },
  },
  problems: ['LOG_IN_FAILED', 'CONFLICT'],
  handle: async ({ ctx, staff, body }) => {
    await countConfirmation(ctx, staff.staffId);
    const result = await ctx.staffAuth.createSecondFactor(staff, body.password);
    if (result === 'WRONG') throw logInFailed();
    if (result === 'EXISTS') {
      throw new PublicError('CONFLICT', 'Your account already has a second factor. Remove it first.');
    }
    return { status: 201, body: result };
  },
});
