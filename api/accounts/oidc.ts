import type { GenericOAuthUserInfo } from 'better-auth/plugins/generic-oauth';
import type { Runtime } from '../../shared/runtime';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import { PASSWORD_ACCOUNT } from '../../shared/store/identities';
import type { Store } from '../../shared/store/store';

export const OIDC_CALLBACK_PATH = '/login/oidc/callback';

/** Nothing of the provider's is kept but who the person is there. */
const NO_TOKENS = {
  accessToken: null,
  refreshToken: null,
  idToken: null,
  accessTokenExpiresAt: null,
  refreshTokenExpiresAt: null,
  scope: null,
};

interface OidcClaims {
  email?: string | null;
  email_verified?: unknown;
}

/**
 * The provider's place in better-auth: a code with PKCE, and an id token whose signature and nonce are checked. Accounts
 * have the issuer's name: a subject is unique within its issuer only (OpenID Connect Core 1.0, 5.7).
 */
export async function oidcPlugins({ config, store }: Pick<Runtime, 'config' | 'store'>) {
  if (config.oidc === null) return [];
  const { genericOAuth } = await import('better-auth/plugins/generic-oauth');
  const { issuer, clientId, clientSecret } = config.oidc;
  const provider = {
    providerId: issuer,
    discoveryUrl: `${issuer}/.well-known/openid-configuration`,
    requireIdTokenVerification: true,
    clientId,
    clientSecret,
    // What a client without other agreement uses (OpenID Connect Core 1.0, 9).
    authentication: 'basic' as const,
    redirectURI: config.publicUrl + OIDC_CALLBACK_PATH,
    scopes: ['openid', 'email'],
    accountSubject: ({ tokens, profile }: { tokens: { idToken?: string | undefined }; profile: { sub?: unknown } }) => {
      // Without an id token nothing was checked; any other claim of the account's name may be the person's own words.
      if (!tokens.idToken || typeof profile.sub !== 'string') throw new Error('the provider sent no id token');
      return profile.sub;
    },
    mapProfileToUser: async (claims: GenericOAuthUserInfo) => {
      const { email, email_verified } = claims as OidcClaims;
      const emailVerified = email_verified === true || email_verified === 'true';
      // Who signed up this address, and did not confirm it, is not its person: the provider's person is.
      if (email && emailVerified) {
        await store.transaction((session) => store.identities.dropUnverified(email, session), STORE_TIMEOUT_MS);
      }
      return { name: '', image: undefined, emailVerified };
    },
  };
  return [genericOAuth({ config: [provider] })];
}

/** What is kept of an account at the provider. Passwords, which are accounts as well, stay as they are. */
export async function withoutTokens<T extends { providerId: string }>(
  account: T,
): Promise<{ data: T & typeof NO_TOKENS } | undefined> {
  return account.providerId === PASSWORD_ACCOUNT ? undefined : { data: { ...account, ...NO_TOKENS } };
}

interface Asking {
  user: { id?: string | undefined; emailVerified?: boolean | null | undefined };
  source: { method: string; action?: string | undefined; oauth?: { providerId: string } | undefined };
}

/**
 * Who does not get in by an address: whoever does not own it for certain, and whoever the provider gave it after
 * somebody else, who opens the identity by the same provider already.
 */
export function rejectUnknownUsers({ identityAccounts }: Pick<Store, 'identityAccounts'>) {
  return async ({ user, source: { method, action, oauth } }: Asking): Promise<{ error: string } | undefined> => {
    if (method !== 'oauth') return undefined;
    if (user.emailVerified !== true) return { error: 'email_not_verified' };
    if (action !== 'link-account' || user.id === undefined) return undefined;
    const known = await identityAccounts.atProviders(user.id);
    return known.some(({ provider }) => provider === oauth?.providerId) ? { error: 'known_as_another' } : undefined;
  };
}
