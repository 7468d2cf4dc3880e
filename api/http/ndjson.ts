import type { IncomingHttpHeaders } from 'node:http';
import { requestedRows } from './paging';
import { PublicError } from './public-error';

export const NDJSON = 'application/x-ndjson';
/** Approximate length of a write, in characters. Writing each line separately would take longer than serializing it. */
const WRITE_CHARS = 32 * 1024;

/** Returns true if the client accepts NDJSON. */
export function wantsNdjson({ accept }: IncomingHttpHeaders): boolean {
  return (accept ?? '').split(',').some((range) => range.split(';')[0]!.trim().toLowerCase() === NDJSON);
}

/** As `requestedRows`, for routes that also stream NDJSON, whose lines are charged as they are read. */
export function requestedLines(query: Record<string, unknown>, headers: IncomingHttpHeaders): number {
  return wantsNdjson(headers) ? 0 : requestedRows(query);
}

/**
 * Throws 422 if an NDJSON request contains a cursor, because the client could mistake the rest of the list for the
 * entire list.
 */
export function rejectCursor({ cursor }: { cursor?: string | undefined }): void {
  if (cursor === undefined) return;
  throw new PublicError('VALIDATION_FAILED', 'NDJSON responses are not paginated, so they do not accept a cursor.', {
    errors: [
      {
        path: 'cursor',
        code: 'INVALID_CURSOR',
        message: 'Must be omitted for NDJSON. To use a cursor, request JSON pages.',
      },
    ],
  });
}

/** Serializes rows as NDJSON while they are being read. */
export async function* ndjsonOf<Row>(rows: AsyncIterable<Row>, present: (row: Row) => unknown): AsyncGenerator<string> {
  let lines = '';
  for await (const row of rows) {
    lines += `${JSON.stringify(present(row))}\n`;
    if (lines.length < WRITE_CHARS) continue;
    yield lines;
    lines = '';
  }
  yield lines;
}
