import { z } from 'zod';
import { accountOfPasskey, passkeyLogIn } from '../accounts/passkeys';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { endOldestSessions } from './end-sessions';
import { browserResponseSchema, ceremonySchema } from './passkey-schemas';
import { logInFailed, newSessionSchema, presentNewSession } from './session-schemas';
import { countNamelessLogIn } from './throttles';

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
  handle: async ({ ctx, ip }) => {
    await countNamelessLogIn(ctx, ip);
    return { status: 200, body: await passkeyLogIn(ctx) };
  },
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
  body: z
    .strictObject({ challengeId: z.string().max(100), response: browserResponseSchema })
    .meta({ id: 'LogInWithPasskeyRequest' }),
  answers: { 201: { description: 'The new session', schema: newSessionSchema } },
  problems: ['LOG_IN_FAILED', 'RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, body, ip, headers, log, requestId }) => {
    await countNamelessLogIn(ctx, ip);
    const staffId = await accountOfPasskey(ctx, body);
    if (staffId === null) throw logInFailed();
    const started = await ctx.staffAuth.startSession(staffId, headers['user-agent']);
    await endOldestSessions(ctx, staffId);
    log.info({ requestId, staffId }, 'staff logged in with a passkey');
    return { status: 201, body: presentNewSession(started) };
  },
});
