import { AsyncLocalStorage } from 'node:async_hooks';
import { newId } from '../../shared/domain/ids';
import type { Runtime } from '../../shared/runtime';
import { identityDatabase } from '../../shared/store/identity-adapter';
import type { Store } from '../../shared/store/store';
import { cookieName } from './cookies';
import { type oidcPlugins, rejectUnknownUsers, withoutTokens } from './oidc';
import { countedPasswords } from './passwords';

export const MIN_PASSWORD_LENGTH = 10;
export const MAX_PASSWORD_LENGTH = 128;
const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 24 * HOUR_SECONDS;
const SESSION_SECONDS = 14 * DAY_SECONDS;
const SESSION_RENEWED_AFTER_SECONDS = DAY_SECONDS;
export const VERIFY_LINK_HOURS = 24;
export const RESET_LINK_MINUTES = 60;

/** A mail to a person. The token goes into its link. */
export type AuthMail =
  | { kind: 'VERIFY'; to: string; token: string }
  | { kind: 'ALREADY_SIGNED_UP'; to: string }
  | { kind: 'RESET'; to: string; token: string };

/** What better-auth puts before the token of a mailed link when it stores its hash. */
export const MAILED_LINK_PREFIX = 'reset-password:';

/** Mails that better-auth asks for during one call: its own sending would swallow our errors. */
export const askedMails = new AsyncLocalStorage<AuthMail[]>();

const PREFIXES: Record<string, string> = { user: 'idn', session: 'ses', account: 'acc', verification: 'ver' };

/** The session's cookie; over https only our own origin can set one of this name. */
export function sessionCookieName(publicUrl: string): string {
  return cookieName(publicUrl, 'mir_session');
}

interface MailedLink {
  /** The identity whose password the link sets. */
  value: string;
  expiresAt: Date;
}

/** Lets the link of a sign-up work longer than that of a forgotten password; better-auth has one lifetime for both. */
function withLifetimeOfSignUp({ identities }: Pick<Store, 'identities'>) {
  return async <T extends MailedLink>(link: T): Promise<{ data: T } | undefined> => {
    const identity = await identities.get(link.value);
    if (identity === null || identity.emailVerified) return undefined;
    return { data: { ...link, expiresAt: new Date(Date.now() + VERIFY_LINK_HOURS * HOUR_SECONDS * 1_000) } };
  };
}

/**
 * better-auth over our own store. It mounts no routes: pages call its functions. Its logger says levels and fixed
 * texts only, since its messages may name addresses.
 */
export async function buildBetterAuth(
  { config, log, metrics, secrets, store }: Runtime,
  plugins: Awaited<ReturnType<typeof oidcPlugins>> = [],
) {
  const { betterAuth } = await import('better-auth');
  const secure = config.publicUrl.startsWith('https:');
  const ask = (mail: AuthMail): Promise<void> => {
    askedMails.getStore()?.push(mail);
    return Promise.resolve();
  };
  return betterAuth({
    appName: 'MIR',
    baseURL: config.publicUrl,
    // `secrets` and not `secret`: else an environment variable of the library's own would win.
    secrets: [{ version: 1, value: secrets.identity }],
    database: await identityDatabase(store.connection),
    telemetry: { enabled: false },
    // Its spans would join ours, with what it thinks worth telling.
    experimental: { instrumentation: { enabled: false } },
    logger: {
      level: 'error',
      log: (level) => {
        if (level === 'error') log.warn('better-auth reports an error');
      },
    },
    rateLimit: { enabled: false },
    user: { modelName: 'identities', validateUserInfo: rejectUnknownUsers(store) },
    session: {
      modelName: 'identity_sessions',
      expiresIn: SESSION_SECONDS,
      updateAge: SESSION_RENEWED_AFTER_SECONDS,
    },
    account: {
      modelName: 'identity_accounts',
      storeStateStrategy: 'cookie',
      updateAccountOnSignIn: false,
      // Both sides have seen that the address is the person's.
      accountLinking: { enabled: plugins.length > 0, trustedProviders: [], requireLocalEmailVerified: true },
    },
    databaseHooks: {
      account: { create: { before: withoutTokens } },
      verification: { create: { before: withLifetimeOfSignUp(store) } },
    },
    plugins,
    verification: { modelName: 'identity_verifications', storeIdentifier: 'hashed' },
    emailAndPassword: {
      enabled: true,
      // It requires a password, but the sender of a sign-up form need not own the address.
      disableSignUp: true,
      requireEmailVerification: true,
      minPasswordLength: MIN_PASSWORD_LENGTH,
      maxPasswordLength: MAX_PASSWORD_LENGTH,
      revokeSessionsOnPasswordReset: true,
      resetPasswordTokenExpiresIn: RESET_LINK_MINUTES * 60,
      password: await countedPasswords(metrics),
      sendResetPassword: ({ user, token }) =>
        ask({ kind: user.emailVerified ? 'RESET' : 'VERIFY', to: user.email, token }),
      onPasswordReset: async ({ user }) => {
        // Sessions of log-ins that were under way; those that are still under way look at the password again.
        await store.identitySessions.endAll(user.id);
        // Other mailed links would set yet another password.
        await store.identityVerifications.endAll(user.id);
        // Whoever reset it has read a mail to this address.
        await store.identities.recordVerified(user.id);
      },
    },
    advanced: {
      cookiePrefix: 'mir',
      // The prefix of the name is ours, so that it can be the stricter one.
      useSecureCookies: false,
      defaultCookieAttributes: { httpOnly: true, sameSite: 'lax', path: '/', secure },
      cookies: {
        session_token: { name: sessionCookieName(config.publicUrl) },
        oauth_state: { name: cookieName(config.publicUrl, 'mir_oidc') },
      },
      ipAddress: { disableIpTracking: true },
      database: { generateId: ({ model }) => newId(PREFIXES[model] ?? 'x') },
    },
  });
}

export type BetterAuth = Awaited<ReturnType<typeof buildBetterAuth>>;
