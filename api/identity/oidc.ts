import type { GenericOAuthUserInfo } from 'better-auth/plugins/generic-oauth';
import type { Ground } from '../../shared/ground';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';

/** What the library and the store call the one provider that can be configured. */
export const OIDC_PROVIDER = 'oidc';
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

/** The provider's place in better-auth: a code with PKCE, and an id token whose signature and nonce are checked. */
export async function oidcPlugins({ config, store }: Pick<Ground, 'config' | 'store'>) {
  if (config.oidc === null) return [];
  const { genericOAuth } = await import('better-auth/plugins/generic-oauth');
  const { issuer, clientId, clientSecret } = config.oidc;
  const provider = {
    providerId: OIDC_PROVIDER,
    discoveryUrl: `${issuer}/.well-known/openid-configuration`,
    requireIdTokenVerification: true,
    clientId,
    clientSecret,
    redirectURI: config.publicUrl + OIDC_CALLBACK_PATH,
    scopes: ['openid', 'email'],
    mapProfileToUser: async ({ email, emailVerified }: Pick<GenericOAuthUserInfo, 'email' | 'emailVerified'>) => {
      // Who signed up this address, and did not confirm it, is not its person: the provider's person is.
      if (email && emailVerified) {
        await store.transaction((session) => store.identities.dropUnverified(email, session), STORE_TIMEOUT_MS);
      }
      return { name: '', image: undefined };
    },
  };
  return [genericOAuth({ config: [provider] })];
}

/** What is kept of an account at the provider. Passwords, which are accounts as well, stay as they are. */
export async function withoutTokens<T extends { providerId: string }>(
  account: T,
): Promise<{ data: T & typeof NO_TOKENS } | undefined> {
  return account.providerId === OIDC_PROVIDER ? { data: { ...account, ...NO_TOKENS } } : undefined;
}

/** Whoever does not own an address for certain does not get in by it. */
export function refuseUnverified({
  user,
  source,
}: {
  user: { emailVerified?: boolean | null };
  source: { method: string };
}): { error: string } | undefined {
  return source.method === 'oauth' && user.emailVerified !== true ? { error: 'email_not_verified' } : undefined;
}
