import { readFileSync } from 'node:fs';
import { asset } from './asset';

const FILES = [require.resolve('htmx.org/dist/htmx.min.js'), require.resolve('htmx.org/dist/ext/hx-sse.min.js')];

/**
 * The script of pages for staff: htmx with its extension for server-sent events. Pages work without it. With it, they
 * load parts in place and follow progress.
 */
export const script = asset(
  'htmx',
  'js',
  'text/javascript; charset=utf-8',
  FILES.map((file) => readFileSync(file, 'utf8')).join(';\n'),
);

/** Adds no styles of its own, keeps no pages in the browser's history, and does not show error pages inside of pages. */
export const SCRIPT_CONFIG = JSON.stringify({
  includeIndicatorCSS: false,
  history: false,
  noSwap: [204, 304, '4xx', '5xx'],
});
