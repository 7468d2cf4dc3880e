import { messageOf } from '../../../shared/errors';
import { PublicError } from '../../http/public-error';
import { throttle, throttledAddress } from '../../http/throttle';
import { VISITOR_SECONDS } from '../../accounts/cookies';
import type { PageCall } from '../http/page';

const QUARTER_HOUR_SECONDS = 900;
const HOUR_SECONDS = 3_600;

/**
 * Maximum number of attempts per IP address and per email address. The limit per email address also stops attacks from
 * many IP addresses.
 */
const RULES = {
  'log-in': { byIp: 30, byEmail: 10, seconds: QUARTER_HOUR_SECONDS, rejection: 'Too many login attempts.' },
  // High limits, because no password is checked here and a large office may share one IP address. Each login counts
  // twice: when it starts and when the provider redirects back.
  provider: {
    byIp: 600,
    byEmail: 600,
    seconds: QUARTER_HOUR_SECONDS,
    rejection: 'Too many login attempts.',
  },
  'sign-up': { byIp: 10, byEmail: 5, seconds: HOUR_SECONDS, rejection: 'Too many sign-ups.' },
  forgot: { byIp: 10, byEmail: 5, seconds: HOUR_SECONDS, rejection: 'Too many email requests.' },
  reset: { byIp: 20, byEmail: 20, seconds: HOUR_SECONDS, rejection: 'Too many attempts to set a password.' },
} as const;

export type ThrottledAction = keyof typeof RULES;

const ruleOf = (action: ThrottledAction, by: 'ip' | 'email') => {
  const { byIp, byEmail, seconds, rejection } = RULES[action];
  return { name: `${action}-${by}`, points: by === 'ip' ? byIp : byEmail, seconds, rejection };
};

type Caller = Pick<PageCall, 'ctx' | 'ip' | 'visitor'>;

const browserOf = ({ ctx, visitor }: Caller, email: string): string =>
  ctx.secrets.throttle(`${email.toLowerCase()}|${visitor}`);

/**
 * Returns the key under which attempts for an email address are counted. A browser in which the owner of the address
 * has logged in before has its own key; otherwise, ten wrong passwords from a stranger would lock the owner out.
 */
async function addressKeyOf(caller: Caller, email: string): Promise<string> {
  const { queueLink, keys, secrets } = caller.ctx;
  const browser = browserOf(caller, email);
  const isKnown = await queueLink.client.exists(keys.knownBrowser(browser)).catch((error: unknown) => {
    throw new PublicError('OVERLOADED', 'We can’t do this right now. Try again soon.', {
      retryAfterSeconds: 2,
      cause: error,
    });
  });
  return isKnown === 1 ? browser : secrets.throttle(email.toLowerCase());
}

/**
 * Counts an attempt. Call this before looking anything up. Throws 429 if the limit is exceeded, and 503 if Redis cannot
 * count the attempt.
 */
export async function countAttempt(caller: Caller, action: ThrottledAction, email: string | null): Promise<void> {
  await throttle(caller.ctx, ruleOf(action, 'ip')).take(throttledAddress(caller.ip));
  if (email !== null) await throttle(caller.ctx, ruleOf(action, 'email')).take(await addressKeyOf(caller, email));
}

/** Resets the attempt count for an email address once its owner has entered the right password. */
export async function clearAttempts(caller: Caller, action: ThrottledAction, email: string): Promise<void> {
  await throttle(caller.ctx, ruleOf(action, 'email')).forgive(await addressKeyOf(caller, email));
}

/** Records that the owner of an email address has logged in with this browser. */
export async function rememberBrowser(caller: Caller, email: string): Promise<void> {
  const { queueLink, keys, log } = caller.ctx;
  await queueLink.client
    .set(keys.knownBrowser(browserOf(caller, email)), '1', 'EX', VISITOR_SECONDS)
    .catch((error: unknown) => log.warn({ err: messageOf(error) }, 'known browser not saved'));
}
