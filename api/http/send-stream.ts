import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { ResponseHeaders } from './respond';

/** A reader that takes nothing for this long is given up: it would hold a cursor of the store. */
const STALLED_AFTER_MS = 60_000;

/** An answer that is made while it is read. */
export interface Streamed {
  status: number;
  stream: AsyncIterable<string>;
  mediaType: string;
}

async function* following(
  first: IteratorResult<string, unknown>,
  rest: AsyncIterator<string, unknown>,
): AsyncGenerator<string> {
  for (let next = first; !next.done; next = await rest.next()) yield next.value;
}

/**
 * Writes an answer piece by piece, no faster than it is read, and ends its source when the reader goes away. A source
 * that fails before its first piece rejects; later the connection is cut, so that nobody takes a part for the whole.
 */
export async function sendStream(
  res: ServerResponse,
  { status, stream, mediaType }: Streamed,
  headers: ResponseHeaders,
  { log, requestId }: { log: Log; requestId: string },
): Promise<void> {
  const all = { 'Content-Type': mediaType, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };
  if (res.req.method === 'HEAD') {
    res.writeHead(status, { ...all, ...headers }).end();
    return;
  }
  const source = stream[Symbol.asyncIterator]();
  try {
    const first = await source.next();
    if (res.destroyed) return;
    res.writeHead(status, { ...all, ...headers });
    res.setTimeout(STALLED_AFTER_MS, () => res.destroy());
    await pipeline(Readable.from(following(first, source)), res);
  } catch (error) {
    if (!res.headersSent) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') return;
    log.error({ requestId, err: messageOf(error) }, 'a streamed answer broke off');
    // The caller has its status already; this one is for the metrics.
    res.statusCode = 500;
  } finally {
    await source.return?.();
  }
}
