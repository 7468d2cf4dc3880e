import { createHash } from 'node:crypto';
import { LIGHT } from './tokens';
import { STYLESHEET } from './stylesheet';

const HASH_LENGTH = 12;

/** A file of our own, named by its content: it may be kept permanently. */
export interface Asset {
  path: string;
  mediaType: string;
  content: string;
}

function asset(name: string, extension: string, mediaType: string, content: string): Asset {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, HASH_LENGTH);
  return { path: `/assets/${name}-${hash}.${extension}`, mediaType, content };
}

/** Three strata: the mark of the house. */
const ICON_SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="4" fill="${LIGHT.paper}"/><g fill="${LIGHT.accent}"><rect x="6" y="21" width="20" height="5"/><rect x="6" y="13.5" width="20" height="5"/></g><rect x="6.75" y="6.75" width="18.5" height="3.5" fill="none" stroke="${LIGHT.accent}" stroke-width="1.5"/></svg>`;

export const stylesheet = asset('mir', 'css', 'text/css; charset=utf-8', STYLESHEET);
export const icon = asset('mir', 'svg', 'image/svg+xml', ICON_SVG);
export const ASSETS: readonly Asset[] = [stylesheet, icon];
