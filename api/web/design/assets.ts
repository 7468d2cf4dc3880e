import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asset, type Asset } from './asset';
import { fontFaces, fonts } from './fonts';
import { passkeyScript, script } from './scripts';

/** The files in `styles/`, in cascade order. */
const STYLES = [
  'tokens',
  'base',
  'layout',
  'parts',
  'forms',
  'guide',
  'app',
  'panels',
  'tables',
  'filters',
  'records',
  'tree',
  'people',
  'print',
];

const styleOf = (name: string): string => readFileSync(join(__dirname, 'styles', `${name}.css`), 'utf8');

const css = [fontFaces, ...STYLES.map(styleOf)].join('\n');

/** Returns the values of a color in the light and the dark color scheme, because icons cannot use the page's variables. */
function colorOf(name: string): { light: string; dark: string } {
  const [light, dark] = [...css.matchAll(new RegExp(`--${name}: (#[0-9a-f]{6});`, 'g'))].map(([, value]) => value);
  if (light === undefined || dark === undefined)
    throw new Error(`tokens.css does not define the color --${name} twice`);
  return { light, dark };
}

const [panel, accent] = [colorOf('panel'), colorOf('accent')];
const ICON_STYLE = `.p{fill:${panel.light}}.a{fill:${accent.light}}.l{stroke:${accent.light}}@media(prefers-color-scheme:dark){.p{fill:${panel.dark}}.a{fill:${accent.dark}}.l{stroke:${accent.dark}}}`;
/** The logo: three strata. */
const ICON_SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><style>${ICON_STYLE}</style><rect class="p" width="32" height="32" rx="7"/><rect class="a" x="6" y="21" width="20" height="5"/><rect class="a" x="6" y="13.5" width="20" height="5"/><rect class="l" x="6.75" y="6.75" width="18.5" height="3.5" fill="none" stroke-width="1.5"/></svg>`;

/** The stylesheet for all pages. */
export const stylesheet = asset('mir', 'css', 'text/css; charset=utf-8', css);
/** The stylesheet for what MIR adds to the pages of bull-board. */
export const boardStylesheet = asset('board', 'css', 'text/css; charset=utf-8', styleOf('board'));
export const icon = asset('mir', 'svg', 'image/svg+xml', ICON_SVG);
export const ASSETS: readonly Asset[] = [stylesheet, boardStylesheet, icon, script, passkeyScript, ...fonts];
