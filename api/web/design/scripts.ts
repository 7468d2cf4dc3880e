import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asset, type Asset } from './asset';

/** Returns a script that consists of these files. */
function scriptOf(name: string, files: readonly string[]): Asset<string> {
  const content = files.map((file) => readFileSync(file, 'utf8')).join(';\n');
  return asset(name, 'js', 'text/javascript; charset=utf-8', content);
}

/**
 * The script of pages for staff: htmx with its extension for server-sent events. Pages work without it. With it, they
 * load parts in place and follow progress.
 */
export const script = scriptOf('htmx', [
  require.resolve('htmx.org/dist/htmx.min.js'),
  require.resolve('htmx.org/dist/ext/hx-sse.min.js'),
  join(__dirname, 'browser', 'navigation.js'),
]);

const WEBAUTHN = join(dirname(require.resolve('@simplewebauthn/browser')), '..', 'dist', 'bundle', 'index.umd.min.js');

/** The script of pages that create or use passkeys. What needs it is hidden without it. */
export const passkeyScript = scriptOf('passkeys', [WEBAUTHN, join(__dirname, 'browser', 'passkeys.js')]);

/** Adds no styles of its own, keeps no pages in the browser's history, and does not show error pages inside of pages. */
export const SCRIPT_CONFIG = JSON.stringify({
  includeIndicatorCSS: false,
  history: false,
  noSwap: [204, 304, '4xx', '5xx'],
});
