import type { ServerResponse } from 'node:http';

export type ResponseHeaders = Record<string, string | string[]>;

/**
 * Sends a complete response. Replaces Express's `res.json`, which takes up a fifth of the processing time of a small
 * request. Does nothing if headers were already sent or the client has disconnected. `headers` override the defaults.
 */
export function sendText(
  res: ServerResponse,
  status: number,
  text: string,
  mediaType: string | null,
  headers: ResponseHeaders,
): void {
  if (res.headersSent || res.destroyed) return;
  const all: Record<string, string | number | string[]> = {
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  };
  if (mediaType !== null) all['Content-Type'] = mediaType;
  res.writeHead(status, Object.assign(all, headers));
  res.end(text);
}
