import { z } from 'zod';
import { accountOfPasskey, passkeyLogIn } from '../accounts/passkeys';
import type { NewSession } from '../accounts/staff-auth';
import type { ApiContext } from '../context';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { endOldestSessions } from './end-sessions';
import { browserResponseSchema, ceremonySchema } from './passkey-schemas';
import { logInFailed, newSessionSchema, presentNewSession } from './session-schemas';
import { countNamelessLogIn } from './throttles';

/** Returns the options with which a browser logs in with a passkey. Counts the attempt. Throws 429 at the limit. */
export async function startPasskeyLogIn(ctx: ApiContext, ip: string): ReturnType<typeof passkeyLogIn> {
  await countNamelessLogIn(ctx, ip);
  return passkeyLogIn(ctx);
}

/** What the browser has signed a login's challenge with. */
export const passkeyLogInSchema = z
  .strictObject({ challengeId: z.string().max(100), response: browserResponseSchema })
  .meta({ id: 'LogInWithPasskeyRequest' });

/** Logs in with a passkey. Counts the attempt. Throws 401 if no passkey has signed the challenge, and 429 at the limit. */
export async function logInWithPasskey(
  ctx: ApiContext,
  proof: z.infer<typeof passkeyLogInSchema>,
  { ip, userAgent }: { ip: string; userAgent: string | undefined },
): Promise<NewSession> {
  await countNamelessLogIn(ctx, ip);
  const staffId = await accountOfPasskey(ctx, proof);
  if (staffId === null) throw logInFailed();
  const started = await ctx.staffAuth.startSession(staffId, userAgent);
  await endOldestSessions(ctx, staffId);
  return started;
}

export const startPasskeyLogInRoute = route({
  operationId: 'startPasskeyLogIn',
  method: 'POST',
  path: '/staff/sessions/passkey/options',
  v1Only: true,
  auth: { kind: 'public' },
  tag: 'Staff accounts',
  summary: 'Get the options with which a browser logs in with a passkey',
  query: noQuery,
  answers: { 200: { description: 'The options', schema: ceremonySchema } },
  problems: ['RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, ip }) => ({ status: 200, body: await startPasskeyLogIn(ctx, ip) }),
});

export const logInWithPasskeyRoute = route({
  operationId: 'logInWithPasskey',
  method: 'POST',
  path: '/staff/sessions/passkey',
  v1Only: true,
  auth: { kind: 'public' },
  tag: 'Staff accounts',
  summary: 'Log in with a passkey',
  description: 'A passkey replaces the password and the code.',
  query: noQuery,
  body: passkeyLogInSchema,
  answers: { 201: { description: 'The new session', schema: newSessionSchema } },
  problems: ['LOG_IN_FAILED', 'RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, body, ip, headers, log, requestId }) => {
    const started = await logInWithPasskey(ctx, body, { ip, userAgent: headers['user-agent'] });
    log.info({ requestId, staffId: started.session.staffId }, 'staff logged in with a passkey');
    return { status: 201, body: presentNewSession(started) };
  },
});
