import { describe, expect, it } from '@jest/globals';
import { STYLESHEET } from '../../../../api/web/design/stylesheet';
import { DARK, LIGHT } from '../../../../api/web/design/tokens';

/** Relative luminance and contrast ratio of WCAG 2. */
function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function contrast(one: string, other: string): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}

describe('the design of the pages', () => {
  describe.each([
    ['light', LIGHT],
    ['dark', DARK],
  ])('the %s colours', (_name, colours) => {
    const grounds = [colours.paper, colours.sheet];

    it.each(['ink', 'quiet', 'accent', 'warn'] as const)('%s is text: at least 7:1 on paper and sheet', (name) => {
      for (const runtime of grounds) expect(contrast(colours[name], runtime)).toBeGreaterThanOrEqual(7);
    });

    it('edges of fields have at least 4.5:1, and the primary button 7:1', () => {
      for (const runtime of grounds) expect(contrast(colours.edge, runtime)).toBeGreaterThanOrEqual(4.5);
      expect(contrast(colours.accentInk, colours.accent)).toBeGreaterThanOrEqual(7);
      expect(contrast(colours.paper, colours.warn)).toBeGreaterThanOrEqual(7);
    });

    it("a chart's fills are distinguishable from the background and from their neighbours", () => {
      for (const fill of colours.series) expect(contrast(fill, colours.paper)).toBeGreaterThanOrEqual(2.9);
      const pairs = colours.series.slice(1).map((fill, index) => contrast(fill, colours.series[index]!));
      for (const ratio of pairs) expect(ratio).toBeGreaterThanOrEqual(1.8);
    });
  });

  it('the stylesheet loads nothing from elsewhere', () => {
    expect(STYLESHEET).not.toMatch(/url\(|@import|https?:/);
  });
});
