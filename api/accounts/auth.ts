import type { IncomingHttpHeaders } from 'node:http';
import type { Runtime } from '../../shared/runtime';
import { storeUnavailable } from '../../shared/errors';
import type { PersonMail } from '../../shared/store/queued-mails';
import { buildOnFirstUse, createCaller, loggable } from './call-library';
import { readCookie } from './cookies';
import { providerUnavailable, type ProviderLogIn, providerLogIn } from './provider-log-in';
import { oidcPlugins, peopleOfProvider } from './oidc';
import { matchedHashes } from './passwords';
import { buildBetterAuth, sessionCookieName } from './better-auth';

/** The session of a logged-in person. */
export interface Session {
  identityId: string;
  email: string;
  name?: string;
  sessionId: string;
  emailVerified: boolean;
}

/** A session, with the cookies that renew or remove it. */
export interface ReadSession {
  session: Session | null;
  cookies: readonly string[];
}

export const NOBODY: ReadSession = { session: null, cookies: [] };

/** The account functions that pages use. Email addresses are case-insensitive but are not otherwise normalized. */
export interface AccountAuth extends ProviderLogIn {
  /**
   * Returns the session that a Cookie header identifies. Does not query the database if the session cookie is absent.
   */
  readSession(cookie: string): Promise<ReadSession>;
  /** Returns the session of a request, or null if the request has no session. */
  sessionOf(req: { headers: IncomingHttpHeaders }): Promise<Session | null>;
  /**
   * Signs up an address without a password and returns the email to send; the recipient chooses the password. Each
   * repeated call returns another email. Only the email reveals whether the address was already registered.
   */
  signUp(email: string): Promise<PersonMail>;
  /** Starts a session with a new ID, which prevents session fixation. */
  logIn(email: string, password: string): Promise<{ cookies: string[] } | 'WRONG' | 'UNVERIFIED'>;
  /** Ends the session in the database. Returns the cookies that remove the session from the browser. */
  logOut(cookie: string): Promise<string[]>;
  /** Returns the email for choosing a new password, or null if the address is unknown. */
  askReset(email: string): Promise<PersonMail | null>;
  /** Returns the address whose password an emailed link can set, or null if the link is no longer valid. */
  ownerOfLink(token: string): Promise<string | null>;
  /** Sets the password, which also verifies the address. Ends all sessions and all other emailed links. */
  reset(token: string, password: string): Promise<'DONE' | 'INVALID'>;
  /** Loads the library's code, which the first call would otherwise wait for. Does not use the database. */
  preload(): Promise<void>;
}

/** Creates the account functions. better-auth is slow to load, so it is loaded on first use. */
export function createAuth(runtime: Runtime): AccountAuth {
  const { config, store } = runtime;
  const cookieName = sessionCookieName(config.publicUrl);
  const library = buildOnFirstUse(() => buildBetterAuth(runtime));
  const call = createCaller(library, storeUnavailable);
  // A separate instance, because it must fetch the provider's endpoints first, and password logins must not wait for
  // that.
  const callWithProvider = createCaller(
    buildOnFirstUse(async () => buildBetterAuth(runtime, await oidcPlugins(runtime, peopleOfProvider(runtime)))),
    providerUnavailable,
  );

  const read = <T>(reading: Promise<T>): Promise<T> =>
    reading.catch((error: unknown) => {
      throw loggable(error);
    });

  async function readSession(cookie: string): Promise<ReadSession> {
    if (readCookie(cookie, cookieName) === undefined) return NOBODY;
    const { headers, response } = await call((api) =>
      api.getSession({ headers: new Headers({ cookie }), returnHeaders: true }),
    );
    const cookies = headers?.getSetCookie() ?? [];
    if (!response) return { session: null, cookies };
    const { user, session } = response;
    const { id: identityId, email, name, emailVerified } = user;
    return { session: { identityId, email, ...(name && { name }), sessionId: session.id, emailVerified }, cookies };
  }

  async function logOut(cookie: string): Promise<string[]> {
    const { headers } = await call((api) => api.signOut({ headers: new Headers({ cookie }), returnHeaders: true }));
    return headers.getSetCookie();
  }

  /**
   * Returns false if the password was reset while the login waited for its hash check. A reset must also end logins
   * that are still in progress.
   */
  async function isCurrentPassword(identityId: string, hashes: readonly string[]): Promise<boolean> {
    const [hash] = hashes;
    if (hash === undefined) return false;
    return read(store.identityAccounts.hasPassword(identityId, hash));
  }

  return {
    readSession,
    sessionOf: async ({ headers }) => (await readSession(headers.cookie ?? '')).session,

    signUp: async (email) => {
      const { _id: identityId } = await read(store.identities.signUp(email, new Date()));
      return { identityId, reason: 'SIGN_UP' };
    },

    logIn: async (email, password) => {
      const hashes: string[] = [];
      const result = await matchedHashes.run(hashes, () =>
        call((api) => api.signInEmail({ body: { email, password }, returnHeaders: true }), {
          INVALID_EMAIL_OR_PASSWORD: 'WRONG',
          INVALID_EMAIL: 'WRONG',
          PASSWORD_TOO_LONG: 'WRONG',
          EMAIL_NOT_VERIFIED: 'UNVERIFIED',
        }),
      );
      if (typeof result === 'string') return result;
      const cookies = result.headers.getSetCookie();
      if (await isCurrentPassword(result.response.user.id, hashes)) return { cookies };
      await logOut(cookies.map((cookie) => cookie.split(';')[0]).join('; '));
      return 'WRONG';
    },

    ...providerLogIn(callWithProvider, runtime),
    logOut,

    askReset: async (email) => {
      const identity = await read(store.identities.byEmail(email));
      return identity && { identityId: identity._id, reason: 'RESET' };
    },

    ownerOfLink: async (token) => {
      const identityId = await read(store.identityVerifications.ownerOf(token));
      if (identityId === null) return null;
      return (await read(store.identities.get(identityId)))?.email ?? null;
    },

    reset: async (token, newPassword) => {
      const result = await call((api) => api.resetPassword({ body: { token, newPassword } }), {
        INVALID_TOKEN: 'INVALID',
        USER_NOT_FOUND: 'INVALID',
      });
      return result === 'INVALID' ? result : 'DONE';
    },

    preload: async () => void (await import('better-auth')),
  };
}
