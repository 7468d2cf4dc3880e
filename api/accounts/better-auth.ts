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

const ID_PREFIXES: Record<string, string> = { user: 'idn', session: 'ses', account: 'acc', verification: 'ver' };

const SESSION_COOKIE = 'mir_session';

/** Returns the name of the session cookie. Over HTTPS, only MIR's own origin can set a cookie with this name. */
export function sessionCookieName(publicUrl: string): string {
  return cookieName(publicUrl, SESSION_COOKIE);
}

/**
 * Returns the options of all better-auth instances. better-auth's log messages may contain email addresses, so MIR logs
 * only that an error occurred.
 */
export async function commonOptions({ config, log, store }: Runtime, secret: string) {
  return {
    appName: 'MIR',
    baseURL: config.publicUrl,
    // better-auth's own environment variable would override `secret`.
    secrets: [{ version: 1, value: secret }],
    database: await identityDatabase(store.connection),
    telemetry: { enabled: false },
    // better-auth's spans would appear in MIR's traces, with attributes that MIR does not control.
    experimental: { instrumentation: { enabled: false } },
    logger: {
      level: 'error' as const,
      log: (level: string) => {
        if (level === 'error') log.warn('better-auth logged an error');
      },
    },
    rateLimit: { enabled: false },
    verification: { storeIdentifier: 'hashed' as const },
  };
}

/** Returns the options that determine better-auth's cookies and IDs. */
export function advancedOptions(
  publicUrl: string,
  prefix: string,
  cookies: Record<'session_token' | 'oauth_state', string>,
  ids: Record<string, string>,
) {
  const named = (name: string) => ({ name: cookieName(publicUrl, name) });
  return {
    cookiePrefix: prefix,
    // `cookieName` adds the stricter `__Host-` prefix instead.
    useSecureCookies: false,
    defaultCookieAttributes: { httpOnly: true, sameSite: 'lax', path: '/', secure: publicUrl.startsWith('https:') },
    cookies: { session_token: named(cookies.session_token), oauth_state: named(cookies.oauth_state) },
    ipAddress: { disableIpTracking: true },
    database: { generateId: ({ model }: { model: string }) => newId(ids[model] ?? 'x') },
  } as const;
}

/**
 * Creates a better-auth instance that uses MIR's database. The instance's routes are not mounted; pages call its
 * functions.
 */
export async function buildBetterAuth(runtime: Runtime, plugins: Awaited<ReturnType<typeof oidcPlugins>> = []) {
  const { betterAuth } = await import('better-auth');
  const { config, metrics, store } = runtime;
  const common = await commonOptions(runtime, runtime.secrets.identity);
  return betterAuth({
    ...common,
    user: { modelName: 'identities', validateUserInfo: addressOwnershipCheck(store.identityAccounts) },
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
    verification: { ...common.verification, modelName: 'identity_verifications' },
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
    advanced: advancedOptions(
      config.publicUrl,
      'mir',
      { session_token: SESSION_COOKIE, oauth_state: 'mir_oidc' },
      ID_PREFIXES,
    ),
  });
}

export type BetterAuth = Awaited<ReturnType<typeof buildBetterAuth>>;
