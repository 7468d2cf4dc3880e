import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { constants, inflateRawSync, inflateSync } from 'node:zlib';
import { filesIn } from './raw-files';

const NEEDLE_BYTES = 12;
/** Returns what a truncated stream contains instead of throwing. */
const FLUSH = { finishFlush: constants.Z_SYNC_FLUSH } as const;
const GZIP_HEADER_BYTES = 10;
/** First bytes of gzip and zlib streams. The functions ignore what follows the stream. */
const COMPRESSED = [
  {
    start: Buffer.from([0x1f, 0x8b, 0x08, 0x00]),
    inflate: (bytes: Buffer) => inflateRawSync(bytes.subarray(GZIP_HEADER_BYTES), FLUSH),
  },
  { start: Buffer.from([0x78, 0x01]), inflate: (bytes: Buffer) => inflateSync(bytes, FLUSH) },
  { start: Buffer.from([0x78, 0x9c]), inflate: (bytes: Buffer) => inflateSync(bytes, FLUSH) },
  { start: Buffer.from([0x78, 0xda]), inflate: (bytes: Buffer) => inflateSync(bytes, FLUSH) },
] as const;

/** Returns a unique lowercase text that can be part of any field, such as an email address or a path. */
export const newNeedle = (): string => `n${randomBytes(NEEDLE_BYTES).toString('hex')}`;

/** Returns the base64 text of a needle at each offset, without the characters that depend on its neighbors. */
function base64Of(needle: string): string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.from(`${'\0'.repeat(offset)}${needle}`).toString('base64');
    const first = Math.ceil((offset * 8) / 6);
    return text.slice(first, Math.floor(((offset + needle.length) * 8) / 6));
  });
}

/** Returns how a needle can appear in a file: as plain text, in UTF-16, base64, base64url or hex. */
function formsOf(needle: string): Buffer[] {
  const hex = Buffer.from(needle).toString('hex');
  const base64 = base64Of(needle);
  const base64url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const texts = new Set([needle, needle.toUpperCase(), hex, hex.toUpperCase(), ...base64, ...base64url]);
  return [...[...texts].map((text) => Buffer.from(text)), Buffer.from(needle, 'utf16le')];
}

/** Returns the bytes, followed by the content of each compressed stream in them. */
function withInflated(bytes: Buffer): Buffer[] {
  const found = [bytes];
  for (const { start, inflate } of COMPRESSED) {
    for (let at = bytes.indexOf(start); at !== -1; at = bytes.indexOf(start, at + 1)) {
      try {
        found.push(inflate(bytes.subarray(at)));
      } catch {
        // These bytes only look like the start of a stream.
      }
    }
  }
  return found;
}

/** Returns the names of the needles that the bytes contain in any form, also in compressed streams. */
export function needlesIn(bytes: Buffer, needles: Readonly<Record<string, string>>): string[] {
  const parts = withInflated(bytes);
  return Object.entries(needles)
    .filter(([, needle]) => formsOf(needle).some((form) => parts.some((part) => part.includes(form))))
    .map(([name]) => name);
}

/** Returns the names of the needles in the files of a folder, by path. Omits files without needles. */
export function needlesInFiles(dir: string, needles: Readonly<Record<string, string>>): Record<string, string[]> {
  const found = filesIn(dir).map(
    (path) => [path.slice(dir.length + 1), needlesIn(readFileSync(path), needles)] as const,
  );
  return Object.fromEntries(found.filter(([, names]) => names.length > 0));
}
