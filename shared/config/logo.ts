import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { messageOf } from '../errors';

const MAX_LOGO_BYTES = 100 * 1024;
const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const HASH_LENGTH = 12;

/** The operator's logo, as pages show it. */
export interface Logo {
  /** Path at which MIR serves it. Changes with its content. */
  path: string;
  mediaType: string;
  content: Buffer;
}

const FORMATS: Record<string, { mediaType: string; isValid: (content: Buffer) => boolean }> = {
  '.svg': {
    mediaType: 'image/svg+xml',
    isValid: (content) => /^(?:<\?xml[^>]*>)?\s*(?:<!--[^]*?-->\s*)*<svg[\s>]/.test(content.toString('utf8')),
  },
  '.png': {
    mediaType: 'image/png',
    isValid: (content) => content.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE),
  },
};

/** Reads a logo. Throws an error that says how to fix the setting. */
export function readLogo(file: string): Logo {
  const extension = extname(file).toLowerCase();
  const format = FORMATS[extension];
  if (!format) throw new Error('must be the path of a file that ends with .svg or .png');
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (error) {
    throw new Error(`cannot be read: ${messageOf(error)}`, { cause: error });
  }
  if (content.length > MAX_LOGO_BYTES) {
    throw new Error(`must be at most ${MAX_LOGO_BYTES / 1024} KiB, but has ${Math.ceil(content.length / 1024)} KiB`);
  }
  if (!format.isValid(content)) throw new Error(`is not ${format.mediaType}, although its name ends with ${extension}`);
  const hash = createHash('sha256').update(content).digest('hex').slice(0, HASH_LENGTH);
  return { path: `/assets/logo-${hash}${extension}`, mediaType: format.mediaType, content };
}
