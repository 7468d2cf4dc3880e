import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { newCode, normalCode } from '../../../../shared/domain/link';

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** What people make of a digit by hand: the letter in either case, or a look-alike. */
const LOOKS: Record<string, string[]> = { '0': ['0', 'O', 'o'], '1': ['1', 'I', 'i', 'L', 'l'] };
const BETWEEN = ['', '', '', ' ', '-', '–', '—', '\u2011', '\t', '\u00a0', ' - '];

const anyCode = fc.array(fc.constantFrom(...DIGITS.split('')), { minLength: 8, maxLength: 8 });
const typedBy = (digits: readonly string[]) => {
  const looks = digits.map((digit) => fc.constantFrom(...(LOOKS[digit] ?? [digit, digit.toLowerCase()])));
  const between = fc.array(fc.constantFrom(...BETWEEN), { minLength: 9, maxLength: 9 });
  return fc
    .tuple(fc.tuple(...looks), between)
    .map(([signs, gaps]) => gaps.map((gap, n) => gap + (signs[n] ?? '')).join(''));
};

describe('link codes', () => {
  it('a code is found however it is typed: any case, dashes, blanks, O for 0, I and L for 1', () => {
    const typed = anyCode.chain((digits) => fc.tuple(fc.constant(digits.join('')), typedBy(digits)));
    fc.assert(fc.property(typed, ([digits, text]) => expect(normalCode(text)).toBe(digits)));
  });

  it('two different codes are never taken for one another', () => {
    const pair = fc.tuple(anyCode, anyCode).filter(([one, other]) => one.join('') !== other.join(''));
    const typed = pair.chain(([one, other]) => fc.tuple(typedBy(one), typedBy(other)));
    fc.assert(fc.property(typed, ([one, other]) => expect(normalCode(one)).not.toBe(normalCode(other))));
  });

  it('whatever else is typed is no code: nothing throws, and only eight digits of the alphabet come out', () => {
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

  it('a new code is shown as two groups of four and normal as it is', () => {
    for (let n = 0; n < 1_000; n += 1) {
      const code = newCode();
      expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
      expect(normalCode(code)).toBe(code.replace('-', ''));
    }
  });
});
