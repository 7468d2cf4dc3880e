import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { stylesheet } from '../../../../api/web/design/assets';
import { fonts } from '../../../../api/web/design/fonts';

const STYLES = join(__dirname, '../../../../api/web/design/styles');
/** The files of our own pages. What MIR adds to the pages of bull-board has the colors of bull-board. */
const styleFiles = (): string[] => readdirSync(STYLES).filter((file) => file !== 'board.css');
const read = (file: string): string => readFileSync(join(STYLES, file), 'utf8');
const [light, dark] = read('tokens.css').split('@media (prefers-color-scheme: dark)');

/** Returns the relative luminance of a color as defined by WCAG 2. */
function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5]
    .map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function contrast(one: string, other: string): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter! + 0.05) / (darker! + 0.05);
}

describe('page design', () => {
  describe.each([
    ['light', light!],
    ['dark', dark!],
  ])('%s colors', (_name, css) => {
    const color = (name: string): string => new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(css)![1]!;
    const backgrounds = [color('background'), color('panel')];
    const series = [1, 2, 3, 4].map((n) => color(`series-${n}`));

    const code = ['keyword', 'string', 'number', 'name'].map((name) => `code-${name}`);
    it.each(['ink', 'soft', 'accent', 'warning', 'danger', ...code])(
      'gives %s text a contrast ratio of at least 7:1 on background and panel',
      (name) => {
        for (const background of backgrounds) expect(contrast(color(name), background)).toBeGreaterThanOrEqual(7);
      },
    );

    it.each(['accent', 'warning', 'danger'])(
      'gives %s text a contrast ratio of at least 4.5:1 on its soft color',
      (name) => {
        expect(contrast(color(name), color(`${name}-soft`))).toBeGreaterThanOrEqual(4.5);
      },
    );

    it('gives field borders a contrast ratio of at least 4.5:1, and buttons a ratio of at least 7:1', () => {
      for (const background of backgrounds) expect(contrast(color('edge'), background)).toBeGreaterThanOrEqual(4.5);
      expect(contrast(color('accent-ink'), color('accent'))).toBeGreaterThanOrEqual(7);
      expect(contrast(color('background'), color('danger'))).toBeGreaterThanOrEqual(7);
    });

    it('makes chart fills contrast with the background and with their neighbors', () => {
      for (const fill of series) expect(contrast(fill, color('background'))).toBeGreaterThanOrEqual(2.9);
      const ratios = series.slice(1).map((fill, index) => contrast(fill, series[index]!));
      for (const ratio of ratios) expect(ratio).toBeGreaterThanOrEqual(1.8);
    });
  });

  it('includes every file from styles/ in the stylesheet, which loads only fonts from this server', () => {
    const files = styleFiles();
    expect(files.filter((file) => !stylesheet.content.includes(read(file)))).toEqual([]);
    const urls = [...stylesheet.content.matchAll(/url\(([^)]*)\)/g)].map(([, url]) => url!);
    expect(urls.length).toBeGreaterThan(0);
    expect(urls.filter((url) => !fonts.some(({ path }) => path === url))).toEqual([]);
    expect(stylesheet.content).not.toMatch(/@import|https?:/);
  });

  it('defines colors only in tokens.css, which also defines every token in use', () => {
    const others = styleFiles().filter((file) => file !== 'tokens.css');
    expect(others.filter((file) => /#[0-9a-f]{3,8}\b|rgb|hsl/i.test(read(file)))).toEqual([]);
    const used = [...stylesheet.content.matchAll(/var\((--[\w-]+)\)/g)].map(([, name]) => name!);
    expect(used.length).toBeGreaterThan(100);
    expect(used.filter((name) => !light!.includes(`${name}: `))).toEqual([]);
  });
});
