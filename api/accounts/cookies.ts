import { randomBytes } from 'node:crypto';

const VISITOR_BYTES = 16;
const VISITOR = /^[\w-]{22}$/;
/** How long a browser keeps its visitor ID. */
export const VISITOR_SECONDS = 30 * 24 * 3_600;

/**
 * Returns the full name of a cookie. Over HTTPS, the `__Host-` prefix ensures that only MIR's own origin can set the
 * cookie.
 */
export function cookieName(publicUrl: string, name: string): string {
  return publicUrl.startsWith('https:') ? `__Host-${name}` : name;
}

/** Returns the value of a cookie, or undefined if it is absent. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

export interface Visitor {
  id: string;
  /** `Set-Cookie` header for a new visitor. Null for a returning visitor. */
  cookie: string | null;
}

/** Returns the visitor ID of a browser. Creates a new ID if the cookie is missing or malformed. */
export function visitorOf(header: string | undefined, publicUrl: string): Visitor {
  const name = cookieName(publicUrl, 'mir_visitor');
  const known = readCookie(header, name);
  if (known !== undefined && VISITOR.test(known)) return { id: known, cookie: null };
  const id = randomBytes(VISITOR_BYTES).toString('base64url');
  const secure = publicUrl.startsWith('https:') ? '; Secure' : '';
  return {
    id,
    cookie: `${name}=${id}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${VISITOR_SECONDS}${secure}`,
  };
}
