import type { Runtime } from '../../shared/runtime';
import { type MirError, overloaded } from '../../shared/errors';
import type { BetterAuth } from './better-auth';
import type { LibraryCall } from './call-library';

/** Query parameters of the provider's callback. */
type CallbackQuery = Record<'code' | 'state' | 'iss' | 'error', string | undefined>;

/** Why a login through the provider failed. */
export type ProviderRejection = 'CANCELLED' | 'UNVERIFIED' | 'KNOWN_AS_ANOTHER' | 'UNKNOWN' | 'FAILED';

type ProviderLogInResult = { cookies: string[] } & (
  | { kind: 'LOGGED_IN'; next: string }
  /** `next` is the requested path, which has not been validated. It is null if this browser did not start the login. */
  | { kind: 'REJECTED'; why: ProviderRejection; next: string | null }
);

/** Login through the configured OpenID Connect provider. */
export interface ProviderLogIn {
  /**
   * Returns the URL of the provider's login page. After the login, the person continues to `next`; after a rejection,
   * to `ifRejected`, whose query must contain `next`. Throws 503 if the provider is unavailable.
   */
  startProviderLogIn(next: string, ifRejected: string): Promise<{ url: URL; cookies: string[] }>;
  /** Handles the provider's callback. Returns a new session, or the reason why the login failed. */
  completeProviderLogIn(query: CallbackQuery, cookie: string): Promise<ProviderLogInResult>;
}

/** The better-auth functions that a login through a provider needs. */
type ProviderApi = Pick<BetterAuth['api'], 'signInSocial' | 'callbackOAuth'>;

/** Error codes of better-auth and the provider that the person can act on. */
const REJECTIONS: Partial<Record<string, ProviderRejection>> = {
  access_denied: 'CANCELLED',
  email_not_verified: 'UNVERIFIED',
  email_not_found: 'UNVERIFIED',
  known_as_another: 'KNOWN_AS_ANOTHER',
  signup_disabled: 'UNKNOWN',
};
/** Anyone who opens the callback URL can choose this text. */
const MAX_LOGGED_ERROR = 60;

export function providerUnavailable(): MirError {
  return overloaded('PROVIDER_SILENT', 5);
}

export function providerLogIn(
  call: LibraryCall<ProviderApi>,
  { config, log }: Pick<Runtime, 'config' | 'log'>,
): ProviderLogIn {
  const provider = config.oidc?.issuer ?? '';
  const params = { id: provider };
  return {
    startProviderLogIn: async (next, ifRejected) => {
      const body = { provider, callbackURL: next, errorCallbackURL: ifRejected, disableRedirect: true };
      const result = await call((api) => api.signInSocial({ body, returnHeaders: true }), {
        PROVIDER_NOT_FOUND: 'UNAVAILABLE',
      });
      if (result === 'UNAVAILABLE' || !result.response.url) {
        log.warn({ issuer: provider }, 'OIDC discovery document unavailable or invalid');
        throw providerUnavailable();
      }
      return { url: new URL(result.response.url), cookies: result.headers.getSetCookie() };
    },

    completeProviderLogIn: async (query, cookie) => {
      const headers = new Headers({ cookie });
      const result = await call((api) =>
        api.callbackOAuth({ method: 'GET', params, query, headers, asResponse: true }),
      );
      const cookies = result.headers.getSetCookie();
      const { pathname, searchParams } = new URL(result.headers.get('location') ?? '?error=none', config.publicUrl);
      const error = searchParams.get('error');
      if (error === null) return { kind: 'LOGGED_IN', next: pathname, cookies };
      log.warn({ error: error.slice(0, MAX_LOGGED_ERROR) }, 'provider login failed');
      return { kind: 'REJECTED', why: REJECTIONS[error] ?? 'FAILED', next: searchParams.get('next'), cookies };
    },
  };
}
