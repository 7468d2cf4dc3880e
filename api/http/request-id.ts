import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const ACCEPTED = /^[\w.:-]{1,128}$/;

/** Returns the client's `X-Request-Id` if it is safe to log and return, or a new UUID. */
export function requestIdOf(req: IncomingMessage): string {
  const requestId = req.headers['x-request-id'];
  return typeof requestId === 'string' && ACCEPTED.test(requestId) ? requestId : randomUUID();
}
