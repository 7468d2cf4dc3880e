import { describe, expect, it } from '@jest/globals';
import { LABEL_PATTERN, labelProblem, NAME_PATTERN, nameProblem } from '../../../../shared/domain/text';

/** Code points that have no visible form of their own, reorder text or mean something only to some fonts. */
const DISGUISING = /[\p{Cc}\p{Cf}\p{Co}\p{Z}\p{Default_Ignorable_Code_Point}]/u;
const QUOTE = /\p{Quotation_Mark}/u;
const APOSTROPHES = ["'", '’'];

const EVERY_CHARACTER = Array.from({ length: 0x11_00_00 }, (_, code) => String.fromCodePoint(code)).filter(
  (text) => text !== ' ' && text.isWellFormed(),
);
const hex = (text: string): string => text.codePointAt(0)!.toString(16);
const rejectedBy = (rule: (text: string) => unknown): Set<string> =>
  new Set(EVERY_CHARACTER.filter((text) => rule(`a${text}b`)).map(hex));
const missing = (characters: string[], rejected: Set<string>): string[] =>
  characters.map(hex).filter((code) => !rejected.has(code));

describe('labelProblem', () => {
  const rejected = rejectedBy(labelProblem);

  it('rejects every character that Unicode classifies as invisible, reordering, private or as a quotation mark', () => {
    const expected = EVERY_CHARACTER.filter((text) => DISGUISING.test(text) || QUOTE.test(text));
    expect(expected.length).toBeGreaterThan(140_000);
    expect(missing([...expected, '`', '´', '′', '″', '❝', 'ʼ'], rejected)).toEqual([]);
  });

  it('accepts every letter, digit and other visible character', () => {
    const visible = EVERY_CHARACTER.filter((text) => /[\p{L}\p{M}\p{N}\p{So}]/u.test(text) && !DISGUISING.test(text));
    expect(visible.filter((text) => rejected.has(hex(text))).join(' ')).toBe('ʹ ʺ ʻ ʼ ʽ ˮ ❛ ❜ ❝ ❞ ❟ ❠ 🙶 🙷 🙸');
  });

  it('agrees with the pattern in the OpenAPI document', () => {
    const pattern = new RegExp(LABEL_PATTERN, 'u');
    expect(rejectedBy((text) => !pattern.test(text))).toEqual(rejected);
    expect([' ', ' a b '].map((text) => pattern.test(text))).toEqual([false, true]);
  });
});

describe('nameProblem', () => {
  const rejected = rejectedBy(nameProblem);

  it('accepts apostrophes, and otherwise the same characters as a label', () => {
    const expected = rejectedBy(labelProblem);
    for (const text of APOSTROPHES) expected.delete(hex(text));
    expect(rejected).toEqual(expected);
  });

  it('agrees with the pattern in the OpenAPI document', () => {
    const pattern = new RegExp(NAME_PATTERN, 'u');
    expect(rejectedBy((text) => !pattern.test(text))).toEqual(rejected);
  });
});
