import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import { PublicError } from './public-error';
import type { ApiContext } from '../context';
import { memoryThrottle, throttledAddress } from './throttle';

/** Counted in the process: an operator must get in while the queue store is away. */
const wrongTries = memoryThrottle({
  name: 'admin-token',
  points: 10,
  seconds: 60,
  rejection: 'Too many wrong admin tokens from this address.',
});

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Throws unless the token is the operator's; ten wrong tries a minute and address, then 429. */
export async function checkAdminToken(
  { config, log }: Pick<ApiContext, 'config' | 'log'>,
  token: unknown,
  ip: string,
): Promise<void> {
  if (config.adminToken === null) throw new PublicError('NOT_FOUND', 'There is nothing here. ADMIN_TOKEN is not set.');
  const address = throttledAddress(ip);
  await wrongTries.check(address);
  if (typeof token === 'string' && timingSafeEqual(digest(token), digest(config.adminToken))) return;
  await wrongTries.punish(address);
  log.warn('a wrong admin token was sent');
  throw new PublicError('ADMIN_TOKEN_INVALID', 'Send the operator’s ADMIN_TOKEN in the header x-admin-token.');
}

/** Throws unless the header `x-admin-token` is the operator's. */
export async function requireAdmin(deps: Pick<ApiContext, 'config' | 'log'>, req: Request): Promise<void> {
  await checkAdminToken(deps, req.headers['x-admin-token'], req.ip ?? 'unknown');
}
