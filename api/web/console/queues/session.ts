import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { PublicError } from '../../../http/public-error';
import type { ApiContext } from '../../../context';
import { cookieName, readCookie } from '../../../accounts/cookies';

/** The operator has to log in again after this time; activity does not extend a session. */
export const OPERATOR_SESSION_SECONDS = 3_600;
const NONCE_BYTES = 16;
const COOKIE = 'mir_operator';
const TOKEN = /^(\d{13})\.([\w-]{22})\.([\w-]{43})$/;

type Deps = Pick<ApiContext, 'config' | 'secrets' | 'keys' | 'queueLink'>;

/** A session as stored in its cookie. The server stores only sessions that were ended early. */
interface OperatorSession {
  nonce: string;
  expiresAtMs: number;
}

/** Signs a session. The signature covers the admin token, so changing the token ends all sessions. */
function macOf({ config, secrets }: Deps, { nonce, expiresAtMs }: OperatorSession): string {
  const token = createHash('sha256')
    .update(config.adminToken ?? '')
    .digest('base64url');
  return createHmac('sha256', secrets.operator).update(`${token}|${expiresAtMs}|${nonce}`).digest('base64url');
}

function setCookie({ config }: Deps, value: string, maxAgeSeconds: number): string {
  const secure = config.publicUrl.startsWith('https:') ? '; Secure' : '';
  const name = cookieName(config.publicUrl, COOKIE);
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeSeconds}${secure}`;
}

/** Returns the Set-Cookie value for a new session. */
export function openOperatorSession(deps: Deps, nowMs: number): string {
  const session = {
    nonce: randomBytes(NONCE_BYTES).toString('base64url'),
    expiresAtMs: nowMs + OPERATOR_SESSION_SECONDS * 1_000,
  };
  const value = `${session.expiresAtMs}.${session.nonce}.${macOf(deps, session)}`;
  return setCookie(deps, value, OPERATOR_SESSION_SECONDS);
}

/**
 * Returns the session in a Cookie header if the session is genuine and has not expired. Does not check whether it was
 * ended early.
 */
function readSession(deps: Deps, header: string | undefined, nowMs: number): OperatorSession | null {
  if (deps.config.adminToken === null) return null;
  const [, expires, nonce, mac] = TOKEN.exec(readCookie(header, cookieName(deps.config.publicUrl, COOKIE)) ?? '') ?? [];
  if (expires === undefined || nonce === undefined || mac === undefined) return null;
  const session = { nonce, expiresAtMs: Number(expires) };
  if (!timingSafeEqual(Buffer.from(mac), Buffer.from(macOf(deps, session)))) return null;
  return session.expiresAtMs > nowMs ? session : null;
}

async function fromQueueStore<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    throw new PublicError('OVERLOADED', 'Redis did not respond, so your session could not be checked. Try again.', {
      retryAfterSeconds: 2,
      cause: error,
    });
  }
}

/**
 * Returns whether the browser is logged in as an operator. Throws 503 when Redis cannot report whether the session was
 * ended.
 */
export async function isOperator(deps: Deps, header: string | undefined, nowMs: number): Promise<boolean> {
  const session = readSession(deps, header, nowMs);
  if (!session) return false;
  const { client } = deps.queueLink;
  return (await fromQueueStore(client.exists(deps.keys.endedOperatorSession(session.nonce)))) === 0;
}

/**
 * Ends the session, which also invalidates copies of its cookie. Returns the Set-Cookie value that deletes the cookie.
 */
export async function endOperatorSession(deps: Deps, header: string | undefined, nowMs: number): Promise<string> {
  const session = readSession(deps, header, nowMs);
  if (session) {
    const leftMs = session.expiresAtMs - nowMs;
    const { client } = deps.queueLink;
    await fromQueueStore(client.set(deps.keys.endedOperatorSession(session.nonce), '1', 'PX', leftMs));
  }
  return setCookie(deps, '', 0);
}
