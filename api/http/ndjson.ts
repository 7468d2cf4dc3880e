import type { IncomingHttpHeaders } from 'node:http';
import { PublicError } from './public-error';

export const NDJSON = 'application/x-ndjson';
/** Lines are handed on in pieces of about this size: one write each would cost more than the lines. */
const PIECE_CHARS = 32 * 1024;

/** True when the caller asks for one JSON value a line instead of a page. */
export function wantsNdjson({ accept }: IncomingHttpHeaders): boolean {
  return (accept ?? '').split(',').some((range) => range.split(';')[0]!.trim().toLowerCase() === NDJSON);
}

/** Throws 422 when a stream is asked to begin in its middle: what follows would pass for the whole. */
export function rejectCursor({ cursor }: { cursor?: string | undefined }): void {
  if (cursor === undefined) return;
  throw new PublicError('VALIDATION_FAILED', 'A stream takes no cursor: it is whole.', {
    errors: [{ path: 'cursor', code: 'INVALID_CURSOR', message: 'leave it out, or ask for pages of JSON' }],
  });
}

/** Rows as lines of JSON, made while they are read. */
export async function* ndjsonOf<Row>(rows: AsyncIterable<Row>, present: (row: Row) => unknown): AsyncGenerator<string> {
  let piece = '';
  for await (const row of rows) {
    piece += `${JSON.stringify(present(row))}\n`;
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}
