import { newId } from '../../shared/domain/ids';
import { storeUnavailable } from '../../shared/errors';
import type { Runtime } from '../../shared/runtime';
import { PASSWORD_ACCOUNT } from '../../shared/store/account-rows';
import type { StaffSessionDoc } from '../../shared/store/staff';
import type { StoreSession } from '../../shared/store/store';
import { buildOnFirstUse, createCaller } from './call-library';
import { countedPasswords, matchedHashes } from './passwords';
import { cookieName } from './cookies';
import { oidcPlugins, staffOfProvider } from './oidc';
import { type ProviderLogIn, providerLogIn, type ProviderRejection, providerUnavailable } from './provider-log-in';
import { buildStaffLibrary, SESSION_COOKIE } from './staff-library';

/** Session tokens start with this prefix, so that scanners for secrets recognize them. */
const TOKEN_PREFIX = 'mir_session_';
/** The form of a session token. */
const SESSION_TOKEN_FORMAT = /^mir_session_[\w-]{20,64}$/;

/** The session of a member or operator. */
export interface StaffSession {
  sessionId: string;
  /** Without the prefix. For the library only. */
  token: string;
  staffId: string;
  email: string;
  name: string;
  hasSecondFactor: boolean;
  /** When the person last entered a password or used a passkey. */
  confirmedAt: Date;
  expiresAt: Date;
}

export interface NewSession {
  sessionToken: string;
  session: StaffSession;
}

/** Why a login failed. `CODE_REQUIRED` means that the password was right. */
type LogInFailure = 'WRONG' | 'CODE_REQUIRED' | 'CODE_WRONG' | 'LOCKED';

/** A person's proof: the password and, with a second factor, a current code or an unused backup code. */
interface Proof {
  password: string;
  code?: string | undefined;
}

/** The account functions of staff. Email addresses are case-insensitive. */
export interface StaffAuth extends Pick<ProviderLogIn, 'startProviderLogIn'> {
  /** Handles the provider's callback. Returns a new session, or the reason why the login failed. */
  completeProviderLogIn(
    query: Parameters<ProviderLogIn['completeProviderLogIn']>[0],
    cookie: string,
  ): Promise<{ cookies: string[] } & ({ started: NewSession } | { why: ProviderRejection })>;
  /** Returns the session with this token, or null if it has ended. */
  readSession(sessionToken: string): Promise<StaffSession | null>;
  logIn(email: string, proof: Proof, userAgent: string | undefined): Promise<NewSession | LogInFailure>;
  /** Starts a session for an account that has proven itself in another way, such as with a passkey. */
  startSession(staffId: string, userAgent: string | undefined): Promise<NewSession>;
  /** Checks a proof again within a session, and records the time. */
  confirm(session: StaffSession, proof: Proof): Promise<'DONE' | Exclude<LogInFailure, 'LOCKED'>>;
  hashPassword(password: string): Promise<string>;
  /** Creates an account whose address was proven by an emailed secret. */
  createAccount(
    account: { email: string; name: string; passwordHash: string },
    at: Date,
    session: StoreSession,
  ): Promise<string>;
  /** Returns the account whose password an emailed link can set, or null if the link is no longer valid. */
  ownerOfLink(token: string): Promise<string | null>;
  /** Sets the password and ends all sessions and other emailed links. */
  reset(token: string, password: string): Promise<'DONE' | 'INVALID'>;
  /** Creates a second factor, which counts only once `confirmSecondFactor` has received its first code. */
  createSecondFactor(
    session: StaffSession,
    password: string,
  ): Promise<{ otpauthUri: string; backupCodes: string[] } | 'WRONG' | 'EXISTS'>;
  confirmSecondFactor(session: StaffSession, code: string): Promise<'DONE' | 'CODE_WRONG' | 'NONE'>;
  removeSecondFactor(session: StaffSession, password: string): Promise<'DONE' | 'WRONG'>;
}

const TOTP_CODE = /^\d{6}$/;

/** Creates the account functions of staff. better-auth is loaded on first use. */
export function createStaffAuth(runtime: Runtime): StaffAuth {
  const { store, metrics } = runtime;
  const library = buildOnFirstUse(() => buildStaffLibrary(runtime));
  const call = createCaller(library, storeUnavailable);
  // A separate instance, because it must fetch the provider's endpoints first.
  const callWithProvider = createCaller(
    buildOnFirstUse(async () => buildStaffLibrary(runtime, await oidcPlugins(runtime, staffOfProvider(runtime)))),
    providerUnavailable,
  );
  const provider = providerLogIn(callWithProvider, runtime);
  const sessionCookie = `${cookieName(runtime.config.publicUrl, SESSION_COOKIE)}=`;
  const bearer = ({ token }: StaffSession): Headers => new Headers({ authorization: `Bearer ${token}` });

  async function present(row: StaffSessionDoc, token: string): Promise<StaffSession | null> {
    const staff = await store.staff.get(row.userId);
    if (!staff) return null;
    return {
      sessionId: row._id,
      token,
      staffId: staff._id,
      email: staff.email,
      name: staff.name,
      hasSecondFactor: staff.twoFactorEnabled === true,
      confirmedAt: row.confirmedAt ?? row.createdAt,
      expiresAt: row.expiresAt,
    };
  }

  async function readByToken(token: string): Promise<StaffSession | null> {
    const row = await store.staffSessions.byToken(token);
    return row && present(row, token);
  }

  async function newSession(token: string): Promise<NewSession> {
    const session = await readByToken(token);
    if (!session) throw storeUnavailable(new Error('the new session is not visible'));
    return { sessionToken: TOKEN_PREFIX + token, session };
  }

  const CODE_ERRORS = {
    INVALID_CODE: 'CODE_WRONG',
    INVALID_BACKUP_CODE: 'CODE_WRONG',
    TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE: 'LOCKED',
    ACCOUNT_TEMPORARILY_LOCKED: 'LOCKED',
  } as const;

  const verifyCode = (code: string, headers: Headers) =>
    call<{ token: string | null }, 'CODE_WRONG' | 'LOCKED'>(async (api) => {
      const body = { code };
      const result = await (TOTP_CODE.test(code)
        ? api.verifyTOTP({ body, headers })
        : api.verifyBackupCode({ body, headers }));
      return { token: result.token ?? null };
    }, CODE_ERRORS);

  async function tokenOfLogIn(
    email: string,
    { password, code }: Proof,
    userAgent: string | undefined,
  ): Promise<{ token: string; hashes: readonly string[] } | LogInFailure> {
    const hashes: string[] = [];
    const agent: Record<string, string> = userAgent === undefined ? {} : { 'user-agent': userAgent };
    const first = await matchedHashes.run(hashes, () =>
      call((api) => api.signInEmail({ body: { email, password }, headers: new Headers(agent), returnHeaders: true }), {
        INVALID_EMAIL_OR_PASSWORD: 'WRONG',
        INVALID_EMAIL: 'WRONG',
        PASSWORD_TOO_LONG: 'WRONG',
      }),
    );
    if (typeof first === 'string') return first;
    if ('token' in first.response && first.response.token) return { token: first.response.token, hashes };
    if (code === undefined) return 'CODE_REQUIRED';
    const cookie = first.headers
      .getSetCookie()
      .map((set) => set.split(';')[0])
      .join('; ');
    const second = await verifyCode(code, new Headers({ ...agent, cookie }));
    return typeof second === 'string' ? second : { token: second.token!, hashes };
  }

  return {
    readSession: async (sessionToken) => {
      if (!SESSION_TOKEN_FORMAT.test(sessionToken)) return null;
      return readByToken(sessionToken.slice(TOKEN_PREFIX.length));
    },

    logIn: async (email, proof, userAgent) => {
      const result = await tokenOfLogIn(email, proof, userAgent);
      if (typeof result === 'string') return result;
      const started = await newSession(result.token);
      const { staffId, sessionId } = started.session;
      // The password may have been reset while the login waited for its hash check.
      const [hash] = result.hashes;
      if (hash !== undefined && (await store.staffAccounts.hasPassword(staffId, hash))) return started;
      await store.staffSessions.model.deleteOne({ _id: sessionId });
      return 'WRONG';
    },

    startSession: async (staffId, userAgent) => {
      const { internalAdapter } = await (await library()).$context;
      const facts = userAgent === undefined ? {} : { userAgent };
      const { token } = await internalAdapter.createSession(staffId, false, facts);
      return newSession(token);
    },

    startProviderLogIn: (next, ifRejected) => provider.startProviderLogIn(next, ifRejected),

    completeProviderLogIn: async (query, cookie) => {
      const result = await provider.completeProviderLogIn(query, cookie);
      const isSession = (set: string): boolean => set.startsWith(sessionCookie);
      const cookies = result.cookies.filter((set) => !isSession(set));
      if (result.kind === 'REJECTED') return { cookies, why: result.why };
      const signed = result.cookies.find(isSession)!.slice(sessionCookie.length).split(';')[0]!;
      return { cookies, started: await newSession(decodeURIComponent(signed).split('.')[0]!) };
    },

    confirm: async (session, { password, code }) => {
      const wrong = await call((api) => api.verifyPassword({ body: { password }, headers: bearer(session) }), {
        INVALID_PASSWORD: 'WRONG',
      });
      if (wrong === 'WRONG') return 'WRONG';
      if (session.hasSecondFactor) {
        if (code === undefined) return 'CODE_REQUIRED';
        if (typeof (await verifyCode(code, bearer(session))) === 'string') return 'CODE_WRONG';
      }
      await store.staffSessions.recordConfirmed(session.sessionId, new Date());
      return 'DONE';
    },

    hashPassword: async (password) => (await countedPasswords(metrics)).hash(password),

    createAccount: async ({ email, name, passwordHash }, at, session) => {
      const _id = newId('stf');
      const times = { createdAt: at, updatedAt: at };
      await store.staff.insert({ _id, email: email.toLowerCase(), emailVerified: true, name, ...times }, session);
      const logIn = { _id: newId('acc'), userId: _id, providerId: PASSWORD_ACCOUNT, accountId: _id };
      await store.staffAccounts.model.create([{ ...logIn, password: passwordHash, ...times }], { session });
      return _id;
    },

    ownerOfLink: (token) => store.staffVerifications.ownerOf(token),

    reset: async (token, newPassword) => {
      const result = await call((api) => api.resetPassword({ body: { token, newPassword } }), {
        INVALID_TOKEN: 'INVALID',
        USER_NOT_FOUND: 'INVALID',
      });
      return result === 'INVALID' ? result : 'DONE';
    },

    createSecondFactor: async (session, password) => {
      const body = { password, method: 'totp' as const };
      const result = await call((api) => api.enableTwoFactor({ body, headers: bearer(session) }), {
        INVALID_PASSWORD: 'WRONG',
        TOTP_ALREADY_ENABLED: 'EXISTS',
      });
      if (typeof result === 'string') return result;
      const { totpURI, backupCodes } = result as { totpURI: string; backupCodes: string[] };
      return { otpauthUri: totpURI, backupCodes };
    },

    confirmSecondFactor: async (session, code) => {
      const result = await call((api) => api.verifyTOTP({ body: { code }, headers: bearer(session) }), {
        INVALID_CODE: 'CODE_WRONG',
        TOTP_NOT_ENABLED: 'NONE',
      });
      return typeof result === 'string' ? result : 'DONE';
    },

    removeSecondFactor: async (session, password) => {
      const result = await call((api) => api.disableTwoFactor({ body: { password }, headers: bearer(session) }), {
        INVALID_PASSWORD: 'WRONG',
      });
      return result === 'WRONG' ? result : 'DONE';
    },
  };
}
