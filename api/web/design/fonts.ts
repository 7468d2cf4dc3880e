import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asset, type Asset } from './asset';

const FILES = join(dirname(require.resolve('@fontsource-variable/inter/package.json')), 'files');
/** The subsets that we serve, with the characters in each. Other scripts are shown in a font of the system. */
const SUBSETS = {
  'latin-ext':
    'U+0100-02BA,U+02BD-02C5,U+02C7-02CC,U+02CE-02D7,U+02DD-02FF,U+0304,U+0308,U+0329,U+1D00-1DBF,U+1E00-1E9F,U+1EF2-1EFF,U+2020,U+20A0-20AB,U+20AD-20C0,U+2113,U+2C60-2C7F,U+A720-A7FF',
  latin:
    'U+0000-00FF,U+0131,U+0152-0153,U+02BB-02BC,U+02C6,U+02DA,U+02DC,U+0304,U+0308,U+0329,U+2000-206F,U+20AC,U+2122,U+2191,U+2193,U+2212,U+2215,U+FEFF,U+FFFD',
} as const;

const loaded = Object.entries(SUBSETS).map(([name, range]) => {
  const file = readFileSync(join(FILES, `inter-${name}-wght-normal.woff2`));
  return { font: asset(`inter-${name}`, 'woff2', 'font/woff2', file), range };
});

/** The files of the typeface Inter. */
export const fonts: readonly Asset[] = loaded.map(({ font }) => font);

/**
 * Declares the typeface, and a fallback with the same metrics, so that lines do not move when the typeface arrives. The
 * metrics are those that Next.js computes for Inter and Arial.
 */
export const fontFaces = [
  ...loaded.map(
    ({ font, range }) =>
      `@font-face {\n  font-family: 'Inter Variable';\n  font-weight: 100 900;\n  font-display: swap;\n  src: url(${font.path}) format('woff2');\n  unicode-range: ${range};\n}`,
  ),
  "@font-face {\n  font-family: 'Inter Fallback';\n  src: local('Arial');\n  size-adjust: 107.12%;\n  ascent-override: 90.44%;\n  descent-override: 22.52%;\n  line-gap-override: 0%;\n}",
].join('\n');
