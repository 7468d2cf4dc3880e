/** Paths that may be opened after login. */
const ALLOWED = /^\/(?:account|link|link\/[\w-]{1,200})$/;
const HOME = '/account';

/** Returns the path if it is one of ours and may be opened after login, and null otherwise. Prevents open redirects. */
export function nextPath(path: string | undefined): string | null {
  return path !== undefined && ALLOWED.test(path) ? path : null;
}

/** Returns the path to open after login: `path` if it is allowed, or the account page if it is not. */
export function nextOrHome(path: string | undefined): string {
  return nextPath(path) ?? HOME;
}

/** Adds `next` to the query of a path, unless `next` is null. */
export function withNext(path: string, next: string | null): string {
  return next === null ? path : `${path}${path.includes('?') ? '&' : '?'}next=${encodeURIComponent(next)}`;
}
