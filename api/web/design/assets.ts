import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asset, type Asset } from './asset';
import { fontFaces, fonts } from './fonts';
import { script } from './scripts';

/** The files in `styles/`, in cascade order. */
const STYLES = ['tokens', 'base', 'layout', 'parts', 'forms', 'guide', 'app', 'people'];

const css = [fontFaces, ...STYLES.map((name) => readFileSync(join(__dirname, 'styles', `${name}.css`), 'utf8'))].join(
  '\n',
);

/** Returns a color from the light color scheme, because icons cannot use the page's CSS variables. */
function lightColor(name: string): string {
  const [, value] = new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(css) ?? [];
  if (value === undefined) throw new Error(`tokens.css does not define the color --${name}`);
  return value;
}

const [background, accent] = [lightColor('background'), lightColor('accent')];
/** The logo: three strata. */
const ICON_SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="${background}"/><g fill="${accent}"><rect x="6" y="21" width="20" height="5"/><rect x="6" y="13.5" width="20" height="5"/></g><rect x="6.75" y="6.75" width="18.5" height="3.5" fill="none" stroke="${accent}" stroke-width="1.5"/></svg>`;

/** The stylesheet for all pages. */
export const stylesheet = asset('mir', 'css', 'text/css; charset=utf-8', css);
export const icon = asset('mir', 'svg', 'image/svg+xml', ICON_SVG);
export const ASSETS: readonly Asset[] = [stylesheet, icon, script, ...fonts];
