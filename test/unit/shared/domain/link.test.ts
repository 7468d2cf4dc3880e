import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { newCode, normalCode } from '../../../../shared/domain/link';

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** The characters that people may type for each of these digits: the digit itself or a letter that looks similar. */
const LOOK_ALIKES: Record<string, string[]> = { '0': ['0', 'O', 'o'], '1': ['1', 'I', 'i', 'L', 'l'] };
const SEPARATORS = ['', '', '', ' ', '-', '–', '—', '\u2011', '\t', '\u00a0', ' - '];

const anyCode = fc.array(fc.constantFrom(...DIGITS.split('')), { minLength: 8, maxLength: 8 });
const typedForms = (digits: readonly string[]) => {
  const forms = digits.map((digit) => fc.constantFrom(...(LOOK_ALIKES[digit] ?? [digit, digit.toLowerCase()])));
  const separators = fc.array(fc.constantFrom(...SEPARATORS), { minLength: 9, maxLength: 9 });
  return fc
    .tuple(fc.tuple(...forms), separators)
    .map(([characters, gaps]) => gaps.map((gap, n) => gap + (characters[n] ?? '')).join(''));
};

describe('link codes', () => {
  it('accepts a code in uppercase or lowercase, with dashes or spaces, O for 0, and I or L for 1', () => {
    const typed = anyCode.chain((digits) => fc.tuple(fc.constant(digits.join('')), typedForms(digits)));
    fc.assert(fc.property(typed, ([digits, text]) => expect(normalCode(text)).toBe(digits)));
  });

  it('never normalizes two different codes to the same code', () => {
    const pair = fc.tuple(anyCode, anyCode).filter(([one, other]) => one.join('') !== other.join(''));
    const typed = pair.chain(([one, other]) => fc.tuple(typedForms(one), typedForms(other)));
    fc.assert(fc.property(typed, ([one, other]) => expect(normalCode(one)).not.toBe(normalCode(other))));
  });

  it('returns null or eight valid digits for any text, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string()), (text) => {
        const code = normalCode(text);
        if (code !== null)
          expect(Array.from(code).every((digit) => DIGITS.includes(digit)) && code.length === 8).toBe(true);
      }),
    );
    const wrongLength = fc
      .array(fc.constantFrom(...DIGITS.split('')), { maxLength: 40 })
      .filter(({ length }) => length !== 8);
    fc.assert(fc.property(wrongLength, (digits) => expect(normalCode(digits.join(''))).toBeNull()));
    for (const text of ['', 'ABCDEFGU', 'ABCD_EFGH', 'ABCD.EFGH', '{"$ne":1}']) expect(normalCode(text)).toBeNull();
  });

  it('creates a code with two groups of four digits, and normalizes the code to its digits', () => {
    for (let n = 0; n < 1_000; n += 1) {
      const code = newCode();
      expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
      expect(normalCode(code)).toBe(code.replace('-', ''));
    }
  });
});
