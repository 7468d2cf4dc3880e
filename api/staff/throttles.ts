import type { ApiContext } from '../context';
import { throttle, throttledAddress, type ThrottleRule } from '../http/throttle';

const QUARTER_HOUR_SECONDS = 900;
const HOUR_SECONDS = 3_600;

const LOG_IN_REJECTION = 'Too many login attempts. Try again later.';

/**
 * Attempts by client address, by account and address, and by account. The limit of an account alone is high, so that a
 * stranger's attempts do not lock its owner out.
 */
const LOG_IN = {
  byAddress: { name: 'staff-log-in-ip', points: 30, seconds: QUARTER_HOUR_SECONDS, rejection: LOG_IN_REJECTION },
  byBoth: { name: 'staff-log-in', points: 10, seconds: QUARTER_HOUR_SECONDS, rejection: LOG_IN_REJECTION },
  byAccount: { name: 'staff-log-in-email', points: 200, seconds: QUARTER_HOUR_SECONDS, rejection: LOG_IN_REJECTION },
} as const satisfies Record<string, ThrottleRule>;

const NAMELESS_LOG_IN: ThrottleRule = {
  name: 'staff-nameless-log-in',
  points: 60,
  seconds: QUARTER_HOUR_SECONDS,
  rejection: LOG_IN_REJECTION,
};

const CONFIRM: ThrottleRule = {
  name: 'staff-confirm',
  points: 10,
  seconds: QUARTER_HOUR_SECONDS,
  rejection: 'Too many attempts to confirm your password. Try again later.',
};

const EMAILS = {
  byAddress: {
    name: 'staff-emails-ip',
    points: 10,
    seconds: HOUR_SECONDS,
    rejection: 'Too many email requests. Try again later.',
  },
  byEmail: {
    name: 'staff-emails',
    points: 5,
    seconds: HOUR_SECONDS,
    rejection: 'Too many email requests. Try again later.',
  },
} as const satisfies Record<string, ThrottleRule>;

const MAILED_SECRETS: ThrottleRule = {
  name: 'staff-secrets',
  points: 20,
  seconds: HOUR_SECONDS,
  rejection: 'Too many attempts with links from emails. Try again later.',
};

type Deps = Pick<ApiContext, 'queueLink' | 'keys' | 'metrics' | 'secrets'>;

/** Counts an attempt to log in. Call this before looking anything up. Throws 429 at the limit. */
export async function countLogIn(ctx: Deps, ip: string, email: string): Promise<void> {
  const address = throttledAddress(ip);
  const account = ctx.secrets.throttle(email.toLowerCase());
  await throttle(ctx, LOG_IN.byAddress).take(address);
  await throttle(ctx, LOG_IN.byBoth).take(ctx.secrets.throttle(`${email.toLowerCase()}|${address}`));
  await throttle(ctx, LOG_IN.byAccount).take(account);
}

/** Forgets the attempts of an account's owner, who has logged in. */
export async function forgetLogIns(ctx: Deps, ip: string, email: string): Promise<void> {
  const key = ctx.secrets.throttle(`${email.toLowerCase()}|${throttledAddress(ip)}`);
  await throttle(ctx, LOG_IN.byBoth).forgive(key);
}

/** Counts an attempt to log in with a passkey or through the provider, which names no account. */
export async function countNamelessLogIn(ctx: Deps, ip: string): Promise<void> {
  await throttle(ctx, NAMELESS_LOG_IN).take(throttledAddress(ip));
}

/** Counts an attempt to confirm the password or code of an account. */
export async function countConfirmation(ctx: Deps, staffId: string): Promise<void> {
  await throttle(ctx, CONFIRM).take(staffId);
}

/** Counts a request for an email. */
export async function countEmail(ctx: Deps, ip: string, email: string): Promise<void> {
  await throttle(ctx, EMAILS.byAddress).take(throttledAddress(ip));
  await throttle(ctx, EMAILS.byEmail).take(ctx.secrets.throttle(email.toLowerCase()));
}

/** Counts a use of a secret from an email. */
export async function countSecret(ctx: Deps, ip: string): Promise<void> {
  await throttle(ctx, MAILED_SECRETS).take(throttledAddress(ip));
}
