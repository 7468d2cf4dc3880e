import type { Runtime } from '../../shared/runtime';
import { advancedOptions, commonOptions, MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from './better-auth';
import { addressOwnershipCheck, type oidcPlugins, withoutTokens } from './oidc';
import { countedPasswords } from './passwords';

const HOUR_SECONDS = 3_600;
/** A session of a staff account ends after this time, whether or not it is used. */
export const STAFF_SESSION_SECONDS = 12 * HOUR_SECONDS;
/** Time to enter the second factor after the password. */
const SECOND_FACTOR_SECONDS = 300;

/** Name of better-auth's own cookie, which never reaches a browser: pages of the portal have another one. */
export const SESSION_COOKIE = 'mir_staff';

const ID_PREFIXES: Record<string, string> = {
  user: 'stf',
  session: 'sss',
  account: 'acc',
  verification: 'ver',
  twoFactor: 'tfa',
};

/**
 * Creates the better-auth instance of staff accounts, which has collections, cookies and a secret of its own, so that a
 * member of a partner and a person with a history are never the same account. Its routes are not mounted.
 */
export async function buildStaffLibrary(runtime: Runtime, oidc: Awaited<ReturnType<typeof oidcPlugins>> = []) {
  // One after another: Jest cannot link modules that are imported at the same time.
  const { betterAuth } = await import('better-auth');
  const { bearer } = await import('better-auth/plugins/bearer');
  const { twoFactor } = await import('better-auth/plugins/two-factor');
  const { config, metrics, secrets, store } = runtime;
  const common = await commonOptions(runtime, secrets.staff);
  return betterAuth({
    ...common,
    user: { modelName: 'staff', validateUserInfo: addressOwnershipCheck(store.staffAccounts) },
    session: { modelName: 'staff_sessions', expiresIn: STAFF_SESSION_SECONDS, disableSessionRefresh: true },
    account: {
      modelName: 'staff_accounts',
      storeStateStrategy: 'cookie',
      updateAccountOnSignIn: false,
      // Links accounts only if the provider has verified the address. MIR has verified it with the invitation.
      accountLinking: { enabled: oidc.length > 0, trustedProviders: [], requireLocalEmailVerified: true },
    },
    databaseHooks: { account: { create: { before: withoutTokens } } },
    verification: { ...common.verification, modelName: 'staff_verifications' },
    emailAndPassword: {
      enabled: true,
      // Only people who were invited have accounts.
      disableSignUp: true,
      requireEmailVerification: true,
      minPasswordLength: MIN_PASSWORD_LENGTH,
      maxPasswordLength: MAX_PASSWORD_LENGTH,
      revokeSessionsOnPasswordReset: true,
      password: await countedPasswords(metrics),
      onPasswordReset: async ({ user }) => {
        // Ends sessions created during the reset. Logins still in progress check the password again.
        await store.staffSessions.endAll(user.id);
        // Otherwise, other emailed links could set the password again.
        await store.staffVerifications.endAll(user.id);
      },
    },
    plugins: [
      ...oidc,
      bearer(),
      twoFactor({
        issuer: 'MIR',
        twoFactorCookieMaxAge: SECOND_FACTOR_SECONDS,
        schema: { twoFactor: { modelName: 'staff_second_factors' } },
      }),
    ],
    advanced: advancedOptions(
      config.publicUrl,
      'mir_staff',
      { session_token: SESSION_COOKIE, oauth_state: 'mir_staff_oidc' },
      ID_PREFIXES,
    ),
  });
}
