import { messageOf } from '../../../shared/errors';
import { PublicError } from '../../http/public-error';
import { throttle, throttledAddress } from '../../http/throttle';
import { VISITOR_SECONDS } from '../../accounts/cookies';
import type { PageCall } from '../http/page';

const QUARTER_SECONDS = 900;
const HOUR_SECONDS = 3_600;

/** Tries by address of the caller and by e-mail address; the second also bounds a crowd of callers. */
const RULES = {
  'log-in': { byIp: 30, byEmail: 10, seconds: QUARTER_SECONDS, rejection: 'There were too many tries to log in.' },
  // No password is tried here, and a whole house may log in from behind one address. A log-in counts twice.
  provider: { byIp: 600, byEmail: 600, seconds: QUARTER_SECONDS, rejection: 'There were too many tries to log in.' },
  'sign-up': { byIp: 10, byEmail: 5, seconds: HOUR_SECONDS, rejection: 'There were too many sign-ups.' },
  forgot: { byIp: 10, byEmail: 5, seconds: HOUR_SECONDS, rejection: 'We have sent enough mails for now.' },
  reset: { byIp: 20, byEmail: 20, seconds: HOUR_SECONDS, rejection: 'There were too many tries to set a password.' },
} as const;

export type Tried = keyof typeof RULES;

const ruleOf = (tried: Tried, by: 'ip' | 'email') => {
  const { byIp, byEmail, seconds, rejection } = RULES[tried];
  return { name: `${tried}-${by}`, points: by === 'ip' ? byIp : byEmail, seconds, rejection };
};

type Try = Pick<PageCall, 'ctx' | 'ip' | 'visitor'>;

const browserOf = ({ ctx, visitor }: Try, email: string): string =>
  ctx.secrets.throttle(`${email.toLowerCase()}|${visitor}`);

/**
 * By what tries for an address are counted. A browser in which its person was logged in has tries of its own: else
 * ten wrong passwords of a stranger would keep the person out.
 */
async function addressKeyOf(by: Try, email: string): Promise<string> {
  const { queueLink, keys, secrets } = by.ctx;
  const browser = browserOf(by, email);
  const isKnown = await queueLink.client.exists(keys.knownBrowser(browser)).catch((error: unknown) => {
    throw new PublicError('OVERLOADED', 'This cannot be done now. Try again soon.', {
      retryAfterSeconds: 2,
      cause: error,
    });
  });
  return isKnown === 1 ? browser : secrets.throttle(email.toLowerCase());
}

/** Counts a try before anything is looked up. Throws 429 when there were too many, 503 when nobody can count. */
export async function countTry(by: Try, tried: Tried, email: string | null): Promise<void> {
  await throttle(by.ctx, ruleOf(tried, 'ip')).take(throttledAddress(by.ip));
  if (email !== null) await throttle(by.ctx, ruleOf(tried, 'email')).take(await addressKeyOf(by, email));
}

/** The person knew the password: earlier wrong tries do not count any more. */
export async function forgiveTries(by: Try, tried: Tried, email: string): Promise<void> {
  await throttle(by.ctx, ruleOf(tried, 'email')).forgive(await addressKeyOf(by, email));
}

/** The person is logged in: this browser is one of theirs from now on. */
export async function rememberBrowser(by: Try, email: string): Promise<void> {
  const { queueLink, keys, log } = by.ctx;
  await queueLink.client
    .set(keys.knownBrowser(browserOf(by, email)), '1', 'EX', VISITOR_SECONDS)
    .catch((error: unknown) => log.warn({ err: messageOf(error) }, 'a browser is not remembered'));
}
