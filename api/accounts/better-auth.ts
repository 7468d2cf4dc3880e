import { newId } from '../../shared/domain/ids';
import type { Runtime } from '../../shared/runtime';
import { identityDatabase } from '../../shared/store/identity-adapter';
import { cookieName } from './cookies';
import { type oidcPlugins, addressOwnershipCheck, withoutTokens } from './oidc';
import { countedPasswords } from './passwords';

export const MIN_PASSWORD_LENGTH = 10;
export const MAX_PASSWORD_LENGTH = 128;
const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 24 * HOUR_SECONDS;
const SESSION_SECONDS = 14 * DAY_SECONDS;
const SESSION_RENEWED_AFTER_SECONDS = DAY_SECONDS;

const PREFIXES: Record<string, string> = { user: 'idn', session: 'ses', account: 'acc', verification: 'ver' };

/** Returns the name of the session cookie. Over HTTPS, only MIR's own origin can set a cookie with this name. */
export function sessionCookieName(publicUrl: string): string {
  return cookieName(publicUrl, 'mir_session');
}

/**
 * Creates a better-auth instance that uses MIR's database. The instance's routes are not mounted; pages call its
 * functions. better-auth's log messages may contain email addresses, so MIR logs only that an error occurred.
 */
export async function buildBetterAuth(
  { config, log, metrics, secrets, store }: Runtime,
  plugins: Awaited<ReturnType<typeof oidcPlugins>> = [],
) {
  const { betterAuth } = await import('better-auth');
  const secure = config.publicUrl.startsWith('https:');
  return betterAuth({
    appName: 'MIR',
    baseURL: config.publicUrl,
    // better-auth's own environment variable would override `secret`.
    secrets: [{ version: 1, value: secrets.identity }],
    database: await identityDatabase(store.connection),
    telemetry: { enabled: false },
    // better-auth's spans would appear in MIR's traces, with attributes that MIR does not control.
    experimental: { instrumentation: { enabled: false } },
    logger: {
      level: 'error',
      log: (level) => {
        if (level === 'error') log.warn('better-auth logged an error');
      },
    },
    rateLimit: { enabled: false },
    user: { modelName: 'identities', validateUserInfo: addressOwnershipCheck(store) },
    session: {
      modelName: 'identity_sessions',
      expiresIn: SESSION_SECONDS,
      updateAge: SESSION_RENEWED_AFTER_SECONDS,
    },
    account: {
      modelName: 'identity_accounts',
      storeStateStrategy: 'cookie',
      updateAccountOnSignIn: false,
      // Links accounts only if both the provider and MIR have verified the address.
      accountLinking: { enabled: plugins.length > 0, trustedProviders: [], requireLocalEmailVerified: true },
    },
    databaseHooks: {
      account: { create: { before: withoutTokens } },
    },
    plugins,
    verification: { modelName: 'identity_verifications', storeIdentifier: 'hashed' },
    emailAndPassword: {
      enabled: true,
      // better-auth's sign-up requires a password, but the person who submits the form may not own the address.
      disableSignUp: true,
      requireEmailVerification: true,
      minPasswordLength: MIN_PASSWORD_LENGTH,
      maxPasswordLength: MAX_PASSWORD_LENGTH,
      revokeSessionsOnPasswordReset: true,
      password: await countedPasswords(metrics),
      onPasswordReset: async ({ user }) => {
        // Ends sessions created during the reset. Logins still in progress check the password again.
        await store.identitySessions.endAll(user.id);
        // Drop queued emails first: the worker would create new links for them.
        await store.queuedMails.dropAll(user.id);
        // Otherwise, other emailed links could set the password again.
        await store.identityVerifications.endAll(user.id);
        // The link was emailed, so the person has access to the address.
        await store.identities.recordVerified(user.id);
      },
    },
    advanced: {
      cookiePrefix: 'mir',
      // `cookieName` adds the stricter `__Host-` prefix instead.
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
