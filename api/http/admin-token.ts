import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import { PublicError } from './public-error';
import type { OperatorActor } from '../../shared/store/audit';
import type { ApiContext } from '../context';
import { memoryThrottle, throttledAddress } from './throttle';

/** Counts attempts in memory, so that operators can authenticate while Redis is down. */
const failedAttempts = memoryThrottle({
  name: 'admin-token',
  points: 10,
  seconds: 60,
  rejection: 'Too many incorrect admin tokens from this IP address. Try again in a minute.',
});

/** Who acts with the admin token, which does not say more. */
export const ADMIN_API: OperatorActor = { kind: 'OPERATOR', via: 'ADMIN_API' };

type Deps = Pick<ApiContext, 'config' | 'log' | 'metrics'>;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Throws 401 unless `token` matches `ADMIN_TOKEN`, 404 if no admin token is configured, and 429 after ten incorrect
 * tokens from one IP address within a minute.
 */
export async function checkAdminToken({ config, log, metrics }: Deps, token: unknown, ip: string): Promise<void> {
  if (config.adminToken === null) {
    throw new PublicError('NOT_FOUND', 'The admin API is disabled. Set ADMIN_TOKEN to enable it.');
  }
  const address = throttledAddress(ip);
  await failedAttempts.check(address);
  if (typeof token === 'string' && timingSafeEqual(digest(token), digest(config.adminToken))) return;
  await failedAttempts.punish(address);
  metrics.operatorLogInsRejected.inc();
  log.warn('incorrect admin token');
  throw new PublicError(
    'ADMIN_TOKEN_INVALID',
    'The admin token is missing or incorrect. Send the token in the x-admin-token header.',
  );
}

/** Throws unless the `x-admin-token` header contains the admin token. */
export async function requireAdmin(deps: Deps, req: Request): Promise<void> {
  await checkAdminToken(deps, req.headers['x-admin-token'], req.ip ?? 'unknown');
}
