import type { GenericOAuthUserInfo } from 'better-auth/plugins/generic-oauth';
import type { Runtime } from '../../shared/runtime';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import { PASSWORD_ACCOUNT } from '../../shared/store/account-rows';
import type { Store } from '../../shared/store/store';

export const OIDC_CALLBACK_PATH = '/login/oidc/callback';
export const STAFF_OIDC_CALLBACK_PATH = '/portal/login/oidc/callback';

/** Overrides that clear all provider tokens, so only the subject is stored. */
const NO_TOKENS = {
  accessToken: null,
  refreshToken: null,
  idToken: null,
  accessTokenExpiresAt: null,
  refreshTokenExpiresAt: null,
  scope: null,
};

/** The accounts that logins through the provider belong to. */
interface ProviderAccounts {
  callbackPath: string;
  /** Whether the first login creates an account. */
  createsAccounts: boolean;
  /** Called with an address that the provider has verified, before its account is looked up. */
  onVerifiedAddress?: (email: string) => Promise<void>;
}

interface OidcClaims {
  email?: string | null;
  email_verified?: unknown;
}

/**
 * Returns the better-auth plugins for the configured provider. They use the authorization code flow with PKCE, and
 * verify the signature and nonce of the ID token. Accounts use the issuer as their provider ID, because a subject is
 * unique only within its issuer (OpenID Connect Core 1.0, section 5.7).
 */
export async function oidcPlugins({ config }: Pick<Runtime, 'config'>, accounts: ProviderAccounts) {
  if (config.oidc === null) return [];
  const { genericOAuth } = await import('better-auth/plugins/generic-oauth');
  const { issuer, clientId, clientSecret } = config.oidc;
  const provider = {
    providerId: issuer,
    discoveryUrl: `${issuer}/.well-known/openid-configuration`,
    requireIdTokenVerification: true,
    clientId,
    clientSecret,
    // The default for a client that has not registered another method (OpenID Connect Core 1.0, section 9).
    authentication: 'basic' as const,
    redirectURI: config.publicUrl + accounts.callbackPath,
    disableSignUp: !accounts.createsAccounts,
    scopes: ['openid', 'email'],
    accountSubject: ({ tokens, profile }: { tokens: { idToken?: string | undefined }; profile: { sub?: unknown } }) => {
      // Only the `sub` of a verified ID token identifies the account. The person may control the other claims.
      if (!tokens.idToken || typeof profile.sub !== 'string')
        throw new Error('the provider did not send an ID token with a subject');
      return profile.sub;
    },
    mapProfileToUser: async (claims: GenericOAuthUserInfo) => {
      const { email, email_verified } = claims as OidcClaims;
      const emailVerified = email_verified === true || email_verified === 'true';
      // An unverified sign-up does not prove ownership of the address. The provider's verification does.
      if (email && emailVerified) await accounts.onVerifiedAddress?.(email);
      return { name: '', image: undefined, emailVerified };
    },
  };
  return [genericOAuth({ config: [provider] })];
}

/** Clears the tokens of a provider account before the account is stored. Leaves password accounts unchanged. */
export async function withoutTokens<T extends { providerId: string }>(
  account: T,
): Promise<{ data: T & typeof NO_TOKENS } | undefined> {
  return account.providerId === PASSWORD_ACCOUNT ? undefined : { data: { ...account, ...NO_TOKENS } };
}

/** Returns the accounts of people with a history. */
export function peopleOfProvider({ store }: Pick<Runtime, 'store'>): ProviderAccounts {
  return {
    callbackPath: OIDC_CALLBACK_PATH,
    createsAccounts: true,
    onVerifiedAddress: (email) =>
      store.transaction((session) => store.identities.dropUnverified(email, session), STORE_TIMEOUT_MS),
  };
}

/** Returns the accounts of staff, which only an invitation creates. */
export function staffOfProvider({ store }: Pick<Runtime, 'store'>): ProviderAccounts {
  return {
    callbackPath: STAFF_OIDC_CALLBACK_PATH,
    createsAccounts: false,
    // Fails during an outage of the database, which better-auth would later report as a rejected login.
    onVerifiedAddress: async (email) => void (await store.staff.byEmail(email)),
  };
}

interface UserInfoCheck {
  user: { id?: string | undefined; emailVerified?: boolean | null | undefined };
  source: { method: string; action?: string | undefined; oauth?: { providerId: string } | undefined };
}

/**
 * Returns a check that rejects a provider login if the provider has not verified the address, or if the identity with
 * this address already belongs to another account at the provider. In the latter case, the provider may have reassigned
 * the address.
 */
export function addressOwnershipCheck(accounts: Pick<Store['identityAccounts'], 'atProviders'>) {
  return async ({ user, source: { method, action, oauth } }: UserInfoCheck): Promise<{ error: string } | undefined> => {
    if (method !== 'oauth') return undefined;
    if (user.emailVerified !== true) return { error: 'email_not_verified' };
    if (action !== 'link-account' || user.id === undefined) return undefined;
    const known = await accounts.atProviders(user.id);
    return known.some(({ provider }) => provider === oauth?.providerId) ? { error: 'known_as_another' } : undefined;
  };
}
