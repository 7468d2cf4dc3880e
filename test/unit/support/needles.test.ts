import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { needlesIn, newNeedle } from '../../support/needles';

const needle = newNeedle();
const around = (encode: (text: string) => string | Buffer, before: string): Buffer =>
  Buffer.concat([Buffer.from('start '), Buffer.from(encode(`${before}${needle}, and more`)), Buffer.from(' end')]);

const ENCODINGS: [string, (text: string) => string | Buffer][] = [
  ['plain text', (text) => text],
  ['base64', (text) => Buffer.from(text).toString('base64')],
  ['base64url', (text) => Buffer.from(text).toString('base64url')],
  ['hex', (text) => Buffer.from(text).toString('hex')],
  ['UTF-16', (text) => Buffer.from(text, 'utf16le')],
  ['gzip', (text) => gzipSync(text)],
  ['zlib', (text) => deflateSync(text)],
];

describe('needlesIn', () => {
  it.each(ENCODINGS)('finds a needle in %s, wherever the needle starts', (_name, encode) => {
    for (const before of ['', 'a', 'ab', 'abc']) {
      const found = needlesIn(around(encode, before), { given: needle, other: newNeedle() });
      expect([before, found]).toEqual([before, ['given']]);
    }
  });
});
