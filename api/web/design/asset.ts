import { createHash } from 'node:crypto';

const HASH_LENGTH = 12;

/** A static file. Its path contains a hash of its content, so clients can cache it permanently. */
export interface Asset<Content extends string | Buffer = string | Buffer> {
  path: string;
  mediaType: string;
  content: Content;
}

/** Returns an asset whose path starts with `name`. */
export function asset<Content extends string | Buffer>(
  name: string,
  extension: string,
  mediaType: string,
  content: Content,
): Asset<Content> {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, HASH_LENGTH);
  return { path: `/assets/${name}-${hash}.${extension}`, mediaType, content };
}
