import { randomBytes } from 'node:crypto';

const VISITOR_BYTES = 16;
const VISITOR = /^[\w-]{22}$/;
/** How long a browser is known by the name we gave it. */
export const VISITOR_SECONDS = 30 * 24 * 3_600;

/** Over https a cookie has a prefix that only our own origin, and only over https, can set. */
export function cookieName(publicUrl: string, name: string): string {
  return publicUrl.startsWith('https:') ? `__Host-${name}` : name;
}

/** The value of a cookie; undefined when it is not there. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

export interface Visitor {
  id: string;
  /** The Set-Cookie of a new visitor. */
  cookie: string | null;
}

/** Names the browser; a value that is not one of ours is replaced. */
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
