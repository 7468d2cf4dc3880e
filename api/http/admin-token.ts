import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { MirError } from '../../shared/platform/errors';
import type { ApiContext } from '../context';

const WRONG_TRIES_PER_MINUTE = 10;
const wrongTries = new RateLimiterMemory({ points: WRONG_TRIES_PER_MINUTE, duration: 60 });

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Throws unless the header `x-admin-token` is the operator's; ten wrong tries a minute and address, then 429. */
export async function requireAdmin({ config }: Pick<ApiContext, 'config'>, req: Request): Promise<void> {
  if (config.adminToken === null) throw new MirError('NOT_FOUND', 'There is nothing here. ADMIN_TOKEN is not set.');
  const ip = req.ip ?? 'unknown';
  const tries = await wrongTries.get(ip);
  if (tries && tries.consumedPoints >= WRONG_TRIES_PER_MINUTE) {
    throw new MirError('RATE_LIMITED', 'Too many wrong admin tokens from this address.', {
      retryAfterSeconds: Math.ceil(tries.msBeforeNext / 1000),
    });
  }
  const token = req.headers['x-admin-token'];
  if (typeof token === 'string' && timingSafeEqual(digest(token), digest(config.adminToken))) return;
  await wrongTries.penalty(ip);
  throw new MirError('ADMIN_TOKEN_INVALID', 'Send the operator’s ADMIN_TOKEN in the header x-admin-token.');
}
