import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import { toMirError } from './problem';
import { PROBLEMS } from './problems';
import type { ResponseHeaders } from './respond';

/**
 * Clients that do not read any data for this long are disconnected, because their responses hold a database cursor
 * open.
 */
const STALLED_AFTER_MS = 60_000;

/** A response that is generated while it is being sent. */
export interface Streamed {
  status: number;
  stream: AsyncIterable<string>;
  mediaType: string;
  /** Called when the response ends or the client disconnects, even while the source is waiting. */
  onClose?: () => void;
}

async function* resume(
  first: IteratorResult<string, unknown>,
  rest: AsyncIterator<string, unknown>,
): AsyncGenerator<string> {
  for (let next = first; !next.done; next = await rest.next()) yield next.value;
}

/**
 * Streams a response with backpressure. Closes the source when the client disconnects. Rejects if the source fails
 * before its first chunk. If it fails later, destroys the connection, so that the client does not mistake the truncated
 * response for a complete one.
 */
export async function sendStream(
  res: ServerResponse,
  { status, stream, mediaType, onClose }: Streamed,
  headers: ResponseHeaders,
  { log, requestId }: { log: Log; requestId: string },
): Promise<void> {
  const all = { 'Content-Type': mediaType, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };
  if (res.req.method === 'HEAD') {
    res.writeHead(status, { ...all, ...headers }).end();
    return;
  }
  const source = stream[Symbol.asyncIterator]();
  if (res.closed) onClose?.();
  else if (onClose) res.once('close', onClose);
  try {
    const first = await source.next();
    if (res.destroyed) return;
    res.writeHead(status, { ...all, ...headers });
    res.setTimeout(STALLED_AFTER_MS, () => res.destroy());
    await pipeline(Readable.from(resume(first, source)), res);
  } catch (error) {
    if (!res.headersSent) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') return;
    const { status: failed } = PROBLEMS[toMirError(error).code];
    // Record the failure in the metrics. The client has already received a 200.
    res.statusCode = failed;
    if (failed >= 500) log.error({ requestId, err: messageOf(error) }, 'response stream failed');
  } finally {
    await source.return?.();
  }
}
