/** Colours of one scheme. `ink`, `quiet`, `accent` and `warn` are text: at least 7:1 on paper and on sheet; a test counts. */
export interface Colours {
  paper: string;
  sheet: string;
  ink: string;
  quiet: string;
  /** Thin lines that only order. */
  rule: string;
  /** Edges of fields and buttons: at least 4.5:1. */
  edge: string;
  accent: string;
  accentInk: string;
  warn: string;
  /** Fills of a chart's series, in order; neighbours differ in lightness, not only in hue. */
  series: readonly [string, string, string, string];
}

export const LIGHT: Colours = {
  paper: '#faf9f5',
  sheet: '#ffffff',
  ink: '#1b2430',
  quiet: '#495361',
  rule: '#d9d6cc',
  edge: '#697180',
  accent: '#0b5252',
  accentInk: '#ffffff',
  warn: '#8a2c0d',
  series: ['#0b5252', '#b08d3e', '#1b2430', '#7d8a99'],
};

export const DARK: Colours = {
  paper: '#14181d',
  sheet: '#1a2027',
  ink: '#e8e6df',
  quiet: '#b2bac4',
  rule: '#323a43',
  edge: '#86909c',
  accent: '#6fc7bd',
  accentInk: '#0d1b1a',
  warn: '#f4ad8b',
  series: ['#6fc7bd', '#9a7933', '#e8e6df', '#6c7886'],
};

/** Spacing steps in rem: 4, 8, 12, 16, 24, 32, 48 px. */
export const SPACE = { s1: 0.25, s2: 0.5, s3: 0.75, s4: 1, s6: 1.5, s8: 2, s12: 3 } as const;

/** Least size of what is pressed or tapped, in px. */
export const TARGET_PX = 44;
