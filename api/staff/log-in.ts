import { z } from 'zod';
import type { NewSession } from '../accounts/staff-auth';
import type { ApiContext } from '../context';
import { endOldestSessions } from './end-sessions';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { emailSchema } from '../http/schemas';
import {
  codeRequired,
  codeSchema,
  logInFailed,
  newSessionSchema,
  passwordSchema,
  presentNewSession,
} from './session-schemas';
import { noteRejectedLogIn } from './rejected-log-ins';
import { countLogIn, forgetLogIns } from './throttles';

const LOCKED_SECONDS = 900;

/** Returns the error for an account that is locked after too many wrong codes. */
function accountLocked(): PublicError {
  return new PublicError('RATE_LIMITED', 'Too many wrong codes. The account is locked for up to 15 minutes.', {
    retryAfterSeconds: LOCKED_SECONDS,
  });
}

/** Logs in. Counts the attempt, and throws 401 or 429 if it fails. */
export async function logInStaff(
  ctx: ApiContext,
  { email, ...proof }: { email: string; password: string; code?: string | undefined },
  { ip, userAgent }: { ip: string; userAgent: string | undefined },
): Promise<NewSession> {
  await countLogIn(ctx, ip, email);
  const result = await ctx.staffAuth.logIn(email, proof, userAgent);
  if (result === 'CODE_REQUIRED') throw codeRequired();
  if (typeof result === 'string') {
    noteRejectedLogIn(ctx, { email });
    throw result === 'LOCKED' ? accountLocked() : logInFailed();
  }
  await forgetLogIns(ctx, ip, email);
  await endOldestSessions(ctx, result.session.staffId);
  return result;
}

export const logInRoute = route({
  operationId: 'logIn',
  method: 'POST',
  path: '/staff/sessions',
  v1Only: true,
  auth: { kind: 'public' },
  tag: 'Staff accounts',
  summary: 'Log in as a member or operator',
  description:
    'Starts a session of 12 hours. An unknown address and a wrong password get the same response. With a second factor, the right password alone gets `SECOND_FACTOR_REQUIRED`: send it again together with `code`.',
  query: noQuery,
  body: z
    .strictObject({ email: emailSchema, password: passwordSchema, code: codeSchema.optional() })
    .meta({ id: 'LogInRequest' }),
  answers: { 201: { description: 'The new session', schema: newSessionSchema } },
  problems: ['LOG_IN_FAILED', 'SECOND_FACTOR_REQUIRED', 'RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, body, ip, headers, log, requestId }) => {
    const result = await logInStaff(ctx, body, { ip, userAgent: headers['user-agent'] });
    log.info({ requestId, staffId: result.session.staffId }, 'staff logged in');
    return { status: 201, body: presentNewSession(result) };
  },
});
