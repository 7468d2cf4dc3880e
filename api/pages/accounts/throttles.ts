import type { ApiContext } from '../../context';
import { throttle, throttledAddress } from '../../http/throttle';

const QUARTER_SECONDS = 900;
const HOUR_SECONDS = 3_600;

/** Tries by address of the caller and by e-mail address; the second also bounds a crowd of callers. */
const RULES = {
  'log-in': { byIp: 30, byEmail: 10, seconds: QUARTER_SECONDS, refusal: 'There were too many tries to log in.' },
  'sign-up': { byIp: 10, byEmail: 5, seconds: HOUR_SECONDS, refusal: 'There were too many sign-ups.' },
  resend: { byIp: 10, byEmail: 5, seconds: HOUR_SECONDS, refusal: 'We have sent enough mails for now.' },
  forgot: { byIp: 10, byEmail: 5, seconds: HOUR_SECONDS, refusal: 'We have sent enough mails for now.' },
  reset: { byIp: 20, byEmail: 20, seconds: HOUR_SECONDS, refusal: 'There were too many tries to set a password.' },
} as const;

export type Tried = keyof typeof RULES;

const ruleOf = (tried: Tried, by: 'ip' | 'email') => {
  const { byIp, byEmail, seconds, refusal } = RULES[tried];
  return { name: `${tried}-${by}`, points: by === 'ip' ? byIp : byEmail, seconds, refusal };
};

/** Counts a try before anything is looked up. Throws 429 when there were too many, 503 when nobody can count. */
export async function countTry(ctx: ApiContext, tried: Tried, ip: string, email: string | null): Promise<void> {
  await throttle(ctx, ruleOf(tried, 'ip')).take(throttledAddress(ip));
  if (email !== null) await throttle(ctx, ruleOf(tried, 'email')).take(ctx.secrets.throttle(email.toLowerCase()));
}

/** The person knew the password: earlier wrong tries for this address do not count any more. */
export async function forgiveTries(ctx: ApiContext, tried: Tried, email: string): Promise<void> {
  await throttle(ctx, ruleOf(tried, 'email')).forgive(ctx.secrets.throttle(email.toLowerCase()));
}
