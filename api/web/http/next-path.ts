/** Where a log-in may lead: own paths of known shapes, and nothing else. */
const SHAPES = /^\/(?:account|link|link\/[\w-]{1,200})$/;
const HOME = '/account';

/** The path to go to after log-in; null unless it is one of ours. Anything else (another site, a trick) is dropped. */
export function nextPath(given: string | undefined): string | null {
  return given !== undefined && SHAPES.test(given) ? given : null;
}

/** The path to go to after log-in, or home. */
export function nextOrHome(given: string | undefined): string {
  return nextPath(given) ?? HOME;
}

/** A path with `next` behind it, when there is one. */
export function withNext(path: string, next: string | null): string {
  return next === null ? path : `${path}${path.includes('?') ? '&' : '?'}next=${encodeURIComponent(next)}`;
}
