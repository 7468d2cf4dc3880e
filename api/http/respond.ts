import type { ServerResponse } from 'node:http';

/** Writes a JSON answer in one go; Express's own `res.json` costs a fifth of a small request's time. */
export function send(res: ServerResponse, status: number, body: unknown, headers: Record<string, string>): void {
  if (res.headersSent || res.destroyed) return;
  const text = JSON.stringify(body);
  const all: Record<string, string | number> = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  };
  res.writeHead(status, all);
  res.end(text);
}

/**
 * Ends the connection with this answer while the process drains. Asked at the end: a request that was open when the
 * drain began would else keep its connection, and the process, until the drain's deadline.
 */
export function leaveIfDraining({ draining }: { draining: { now: boolean } }, headers: Record<string, string>): void {
  if (draining.now) headers['Connection'] = 'close';
}
