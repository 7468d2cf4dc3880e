/** Browsers by the part of the User-Agent header that names them. Those that also claim to be others come first. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/(?:Chrome|\bCriOS)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];
const MAX_PRODUCT_LENGTH = 40;

const nameIn = (names: typeof BROWSERS, text: string): string | undefined =>
  names.find(([pattern]) => pattern.test(text))?.[1];

/** Returns the name of a browser and its system, such as "Firefox on Linux", or the first product of another program. */
export function agentName(userAgent: string | null | undefined): string {
  if (!userAgent) return 'Unknown program';
  const browser = nameIn(BROWSERS, userAgent);
  if (browser === undefined) return userAgent.split(/[\s/]/)[0]!.slice(0, MAX_PRODUCT_LENGTH) || 'Unknown program';
  const system = nameIn(SYSTEMS, userAgent);
  return system === undefined ? browser : `${browser} on ${system}`;
}
