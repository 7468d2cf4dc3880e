import type { Request } from 'express';
import { MirError } from '../../shared/errors';
import type { StaffSession } from '../accounts/staff-auth';
import type { ApiContext } from '../context';
import { isRecent, recentLogInRequired } from './require-caller';
import type { StaffAuth } from './route';
import { processThrottle, throttledAddress, type ThrottleRule } from './throttle';

const MAX_TOKEN_LENGTH = 128;
const BEARER = /^bearer +(\S+)$/i;

/** Requests with the session of one account, in each process. */
const BY_ACCOUNT: ThrottleRule = {
  name: 'staff-requests',
  points: 300,
  seconds: 60,
  rejection: 'Too many requests with your account. Retry in a minute.',
};

/** Counts only tokens that no session has. */
const BY_ADDRESS: ThrottleRule = {
  name: 'staff-sessions',
  points: 100,
  seconds: 60,
  rejection: 'Too many unknown session tokens from your IP address. Retry in a minute.',
};

/** Counts a request with a session. Throws 429 at the limit, and 403 if the route needs a more recent login. */
export async function checkSession(
  ctx: ApiContext,
  { staffId, confirmedAt }: StaffSession,
  { recentLogIn }: StaffAuth,
): Promise<void> {
  await processThrottle(ctx, BY_ACCOUNT).take(staffId);
  if (recentLogIn && !isRecent(confirmedAt.getTime())) throw recentLogInRequired();
}

/**
 * Returns the session whose token a request has. Throws 401 if there is none, and 403 if the route needs a more recent
 * login.
 */
export async function requireSession(ctx: ApiContext, req: Request, auth: StaffAuth): Promise<StaffSession> {
  const token = BEARER.exec(req.headers.authorization ?? '')?.[1] ?? '';
  const unknown = processThrottle(ctx, BY_ADDRESS);
  const address = throttledAddress(req.ip ?? 'unknown');
  await unknown.check(address);
  const session = token.length <= MAX_TOKEN_LENGTH ? await ctx.staffAuth.readSession(token) : null;
  if (!session) {
    await unknown.punish(address);
    throw new MirError('SESSION_INVALID', 'no session has this token');
  }
  await checkSession(ctx, session, auth);
  return session;
}
