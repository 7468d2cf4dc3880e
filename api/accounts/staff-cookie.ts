import type { Runtime } from '../../shared/runtime';
import { cookieName, readCookie } from './cookies';
import type { NewSession, StaffAuth, StaffSession } from './staff-auth';

const COOKIE = 'mir_portal';

type Deps = Pick<Runtime, 'config'>;

function setCookie({ config }: Deps, value: string, maxAgeSeconds: number): string {
  const secure = config.publicUrl.startsWith('https:') ? '; Secure' : '';
  const name = cookieName(config.publicUrl, COOKIE);
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}${secure}`;
}

/** Returns the Set-Cookie value with which a browser keeps a session. */
export function staffCookie(deps: Deps, { sessionToken, session }: NewSession): string {
  const seconds = Math.max(0, Math.floor((session.expiresAt.getTime() - Date.now()) / 1_000));
  return setCookie(deps, sessionToken, seconds);
}

/** Returns the Set-Cookie value that removes the session from a browser. */
export function noStaffCookie(deps: Deps): string {
  return setCookie(deps, '', 0);
}

/** Returns the session of a Cookie header. Does not query the database if the cookie is absent. */
export async function readStaffSession(
  { config, staffAuth }: Deps & { staffAuth: Pick<StaffAuth, 'readSession'> },
  cookie: string,
): Promise<StaffSession | null> {
  const token = readCookie(cookie, cookieName(config.publicUrl, COOKIE));
  return token === undefined ? null : staffAuth.readSession(token);
}
