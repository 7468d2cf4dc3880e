import { lookup } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { isPublicAddress, webhookUrlProblem } from '../../shared/domain/webhook-url';

/**
 * Time limit from connecting to the first byte of the response. Receivers should acknowledge first and process later.
 */
const RESPONSE_TIMEOUT_MS = 10_000;

export interface WebhookMessage {
  url: string;
  body: string;
  headers: Record<string, string>;
}

/** The code is recorded as the outcome of the delivery. */
const urlNotAllowed = (message: string): Error =>
  Object.assign(new Error(message), { code: 'WEBHOOK_URL_NOT_ALLOWED' });

const noResponse = (): Error =>
  Object.assign(new Error('The server did not respond in time.'), { name: 'TimeoutError' });

/** Resolves a host name like `dns.lookup`. Fails if any of its addresses is not public. */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) {
      callback(error, '');
      return;
    }
    const [first] = addresses;
    if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
      callback(urlNotAllowed('The host name resolves to an address that is not public.'), '');
      return;
    }
    if (options.all) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

/**
 * Posts a message and returns the response status. Does not follow redirects or read the response body. Unless
 * `allowPrivate` is set, never connects to a non-public address, whatever the host name resolves to at that moment.
 */
export async function postWebhook(
  { url, body, headers }: WebhookMessage,
  {
    allowPrivate,
    signal,
    timeoutMs = RESPONSE_TIMEOUT_MS,
  }: { allowPrivate: boolean; signal: AbortSignal; timeoutMs?: number },
): Promise<number> {
  const target = new URL(url);
  const problem = webhookUrlProblem(target, { allowPrivate });
  if (problem !== null) throw urlNotAllowed(problem);
  const { request } = target.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const call = request(
      target,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers, 'content-length': Buffer.byteLength(body) },
        signal,
        // A connection of its own. The pool of the global agent may hold connections to addresses that were not checked.
        agent: false,
        ...(allowPrivate ? {} : { lookup: lookupPublic }),
      },
      (response) => {
        resolve(response.statusCode ?? 0);
        response.destroy();
      },
    );
    // A timer of its own: `AbortSignal.any` does not keep a timeout signal alive, so the timeout could be collected as
    // garbage and the request would never end.
    const timeout = setTimeout(() => call.destroy(noResponse()), timeoutMs);
    call.on('close', () => clearTimeout(timeout));
    call.on('error', reject);
    call.end(body);
  });
}
