import type { Runtime } from '../../shared/runtime';
import { type MirError, overloaded } from '../../shared/errors';
import type { BetterAuth } from './better-auth';

/** What the provider sends somebody back with. */
type ProviderAnswer = Record<'code' | 'state' | 'iss' | 'error', string | undefined>;

/** Why the provider's answer lets nobody in. */
export type ProviderRejection = 'CANCELLED' | 'UNVERIFIED' | 'KNOWN_AS_ANOTHER' | 'FAILED';

type ProviderLogInResult = { cookies: string[] } & (
  | { kind: 'LOGGED_IN'; next: string }
  /** `next`: where the person wanted to go, as it was asked; null when the answer belongs to no question of this browser. */
  | { kind: 'REJECTED'; why: ProviderRejection; next: string | null }
);

/** Logging in by the configured OpenID Connect provider. */
export interface ProviderLogIn {
  /**
   * Where the provider asks who somebody is; `next` comes back with its answer, in the query of `ifRejected` when it lets
   * nobody in. Throws 503 while it is away.
   */
  startProviderLogIn(next: string, ifRejected: string): Promise<{ url: URL; cookies: string[] }>;
  /** The provider's answer: a new session, or why there is none. */
  completeProviderLogIn(answer: ProviderAnswer, cookie: string): Promise<ProviderLogInResult>;
}

/** Runs a call of better-auth; `codes` are refusals that it may end with. */
export type ProviderCall = <T, R extends string = never>(
  work: (api: BetterAuth['api']) => Promise<T>,
  codes?: Record<string, R>,
) => Promise<T | R>;

/** Errors that the person can do something about, as better-auth and the provider name them. */
const REJECTIONS: Partial<Record<string, ProviderRejection>> = {
  access_denied: 'CANCELLED',
  email_not_verified: 'UNVERIFIED',
  email_not_found: 'UNVERIFIED',
  known_as_another: 'KNOWN_AS_ANOTHER',
};
/** Whoever calls back chooses these words. */
const MAX_LOGGED_ERROR = 60;

export function providerAway(): MirError {
  return overloaded('PROVIDER_SILENT', 5);
}

export function providerLogIn(call: ProviderCall, { config, log }: Pick<Runtime, 'config' | 'log'>): ProviderLogIn {
  const provider = config.oidc?.issuer ?? '';
  const params = { id: provider };
  return {
    startProviderLogIn: async (next, ifRejected) => {
      const body = { provider, callbackURL: next, errorCallbackURL: ifRejected, disableRedirect: true };
      const answer = await call((api) => api.signInSocial({ body, returnHeaders: true }), {
        PROVIDER_NOT_FOUND: 'AWAY',
      });
      if (answer === 'AWAY' || !answer.response.url) {
        log.warn({ issuer: provider }, 'the discovery document of OIDC_ISSUER cannot be read or used');
        throw providerAway();
      }
      return { url: new URL(answer.response.url), cookies: answer.headers.getSetCookie() };
    },

    completeProviderLogIn: async (query, cookie) => {
      const headers = new Headers({ cookie });
      const answer = await call((api) =>
        api.callbackOAuth({ method: 'GET', params, query, headers, asResponse: true }),
      );
      const cookies = answer.headers.getSetCookie();
      const { pathname, searchParams } = new URL(answer.headers.get('location') ?? '?error=none', config.publicUrl);
      const error = searchParams.get('error');
      if (error === null) return { kind: 'LOGGED_IN', next: pathname, cookies };
      log.warn({ error: error.slice(0, MAX_LOGGED_ERROR) }, 'a log-in by the provider failed');
      return { kind: 'REJECTED', why: REJECTIONS[error] ?? 'FAILED', next: searchParams.get('next'), cookies };
    },
  };
}
