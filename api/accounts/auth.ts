import type { IncomingHttpHeaders } from 'node:http';
import type { Runtime } from '../../shared/runtime';
import { withDeadline } from '../../shared/concurrency/deadline';
import { MirError, storeUnavailable } from '../../shared/errors';
import { isStoreOutage } from '../../shared/store/errors';
import { readCookie } from './cookies';
import { type ProviderCall, providerAway, type ProviderLogIn, providerLogIn } from './provider-log-in';
import { oidcPlugins } from './oidc';
import { rightHashes } from './passwords';
import {
  askedMails,
  type AuthMail,
  type BetterAuth,
  buildBetterAuth,
  MAILED_LINK_PREFIX,
  sessionCookieName,
} from './better-auth';

/** Longer than the slowest thing within: a password that waits for its turn, and a store that is slow. */
const CALL_TIMEOUT_MS = 15_000;

/** Who is signed in. */
export interface Session {
  identityId: string;
  email: string;
  name?: string;
  sessionId: string;
  emailVerified: boolean;
}

/** A session as it was read, with the cookies that renew or remove it. */
export interface ReadSession {
  session: Session | null;
  cookies: readonly string[];
}

export const NOBODY: ReadSession = { session: null, cookies: [] };

/** People's accounts: what pages can do with them. E-mail addresses are taken as given and compared in lower case. */
export interface AccountAuth extends ProviderLogIn {
  /** Who a Cookie header stands for; nobody costs no look-up. */
  readSession(cookie: string): Promise<ReadSession>;
  /** Who asks: the session of a request, or null. */
  sessionOf(req: { headers: IncomingHttpHeaders }): Promise<Session | null>;
  /**
   * Signs an address up without a password: the reader of the mail chooses it. A repetition makes another mail. The mail
   * is the only sign of whether the address was known.
   */
  signUp(email: string): Promise<AuthMail | null>;
  /** A new session with a new id, whatever cookie came along. */
  logIn(email: string, password: string): Promise<{ cookies: string[] } | 'WRONG' | 'UNVERIFIED'>;
  /** Ends the session in the store; the cookies remove it from the browser. */
  logOut(cookie: string): Promise<string[]>;
  /** Makes the mail with which a password is chosen; null for an unknown address. */
  askReset(email: string): Promise<AuthMail | null>;
  /** The address whose password a mailed link sets; null when the link no longer works. */
  ownerOfLink(token: string): Promise<string | null>;
  /** Sets the password, which confirms the address, and ends all sessions and all other mailed links. */
  reset(token: string, password: string): Promise<'DONE' | 'INVALID'>;
  /** Loads the library; the first call does it too. */
  warmUp(): Promise<void>;
}

/** An error of better-auth, by its code; null when it is none. */
function codeOf(error: unknown): string | null {
  const { name, body } = error as { name?: string; body?: { code?: string } };
  return name === 'APIError' ? (body?.code ?? 'UNKNOWN') : null;
}

/** Errors of the driver carry rows in their messages; only their names go on. */
function harmless(error: unknown): MirError {
  if (error instanceof MirError) return error;
  let deepest = error as { name?: string; code?: string | number; cause?: unknown };
  while (deepest.cause instanceof Error) deepest = deepest.cause;
  const ofStore = deepest.name?.startsWith('Mongo') || isStoreOutage(deepest) || codeOf(error)?.startsWith('FAILED_TO');
  const cause = new Error(`people's accounts: ${deepest.name ?? 'error'} ${codeOf(error) ?? deepest.code ?? ''}`);
  return ofStore ? storeUnavailable(cause) : new MirError('INTERNAL', 'the account library failed', { cause });
}

/** Builds when it is first asked, and again after it failed. */
function onceBuilt(build: () => Promise<BetterAuth>): () => Promise<BetterAuth> {
  let building: Promise<BetterAuth> | null = null;
  return () => {
    building ??= build().catch((error: unknown) => {
      building = null;
      throw error;
    });
    return building;
  };
}

/** Runs calls; `codes` are refusals that one may end with. */
function callerOf(library: () => Promise<BetterAuth>, onLate: () => Error): ProviderCall {
  return async <T, R extends string = never>(
    work: (api: BetterAuth['api']) => Promise<T>,
    codes: Record<string, R> = {},
  ): Promise<T | R> => {
    try {
      const answer = library().then(({ api }) => work(api));
      return await withDeadline(answer, CALL_TIMEOUT_MS, onLate);
    } catch (error) {
      const known = codes[codeOf(error) ?? ''];
      if (known !== undefined) return known;
      throw harmless(error);
    }
  };
}

/** The accounts over their library, which is loaded when it is first needed: it takes its time. */
export function createAuth(runtime: Runtime): AccountAuth {
  const { config, store } = runtime;
  const cookieName = sessionCookieName(config.publicUrl);
  const library = onceBuilt(() => buildBetterAuth(runtime));
  const call = callerOf(library, storeUnavailable);
  // A library of its own: it asks the provider for its addresses first, and passwords must not wait for that.
  const callWithProvider = callerOf(
    onceBuilt(async () => buildBetterAuth(runtime, await oidcPlugins(runtime))),
    providerAway,
  );

  async function askReset(email: string): Promise<AuthMail | null> {
    const mails: AuthMail[] = [];
    await askedMails.run(mails, () => call((api) => api.requestPasswordReset({ body: { email } })));
    return mails[0] ?? null;
  }

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

  /** False when the password was replaced while it waited for its turn to be looked at: a reset ends such log-ins too. */
  async function isStillRight(identityId: string, hashes: readonly string[]): Promise<boolean> {
    const [hash] = hashes;
    if (hash === undefined) return false;
    return store.identityAccounts.hasPassword(identityId, hash).catch((error: unknown) => {
      throw harmless(error);
    });
  }

  return {
    readSession,
    sessionOf: async ({ headers }) => (await readSession(headers.cookie ?? '')).session,

    signUp: async (email) => {
      const { emailVerified } = await store.identities.signUp(email, new Date()).catch((error: unknown) => {
        throw harmless(error);
      });
      return emailVerified ? { kind: 'ALREADY_SIGNED_UP', to: email.toLowerCase() } : askReset(email);
    },

    logIn: async (email, password) => {
      const hashes: string[] = [];
      const answer = await rightHashes.run(hashes, () =>
        call((api) => api.signInEmail({ body: { email, password }, returnHeaders: true }), {
          INVALID_EMAIL_OR_PASSWORD: 'WRONG',
          INVALID_EMAIL: 'WRONG',
          PASSWORD_TOO_LONG: 'WRONG',
          EMAIL_NOT_VERIFIED: 'UNVERIFIED',
        }),
      );
      if (typeof answer === 'string') return answer;
      const cookies = answer.headers.getSetCookie();
      if (await isStillRight(answer.response.user.id, hashes)) return { cookies };
      await logOut(cookies.map((cookie) => cookie.split(';')[0]).join('; '));
      return 'WRONG';
    },

    ...providerLogIn(callWithProvider, runtime),
    logOut,

    askReset,

    ownerOfLink: (token) =>
      call(async () => {
        const { internalAdapter } = await (await library()).$context;
        const link = await internalAdapter.findVerificationValue(MAILED_LINK_PREFIX + token);
        if (link === null || link.expiresAt < new Date()) return null;
        return (await store.identities.get(link.value))?.email ?? null;
      }),

    reset: async (token, newPassword) => {
      const answer = await call((api) => api.resetPassword({ body: { token, newPassword } }), {
        INVALID_TOKEN: 'INVALID',
        USER_NOT_FOUND: 'INVALID',
      });
      return answer === 'INVALID' ? answer : 'DONE';
    },

    warmUp: async () => void (await library()),
  };
}
