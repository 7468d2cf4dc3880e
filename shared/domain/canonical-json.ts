import { configure } from 'safe-stable-stringify';

const stable = configure({ deterministic: true });

/** Returns a value as JSON with sorted keys and no whitespace, so that equal values have the same text. */
export function canonicalJson(value: Readonly<Record<string, unknown>>): string {
  return stable(value) ?? '';
}
