import http from 'node:http';
import https from 'node:https';

/**
 * Time limit from connecting to the first byte of the response. Receivers should acknowledge first and process later.
 */
const RESPONSE_TIMEOUT_MS = 10_000;

/** IPv6 addresses that embed an IPv4 address, deprecated by RFC 4291. The agent considers them public. */
const IPV4_COMPATIBLE = '::/96';

export interface WebhookMessage {
  url: string;
  body: string;
  headers: Record<string, string>;
}

/** Returns an HTTP agent that refuses to connect to non-public addresses, or a plain agent if `allowPrivate` is set. */
async function agentFor({ protocol, href }: URL, allowPrivate: boolean): Promise<http.Agent> {
  if (allowPrivate) return new (protocol === 'https:' ? https : http).Agent();
  const { useAgent } = await import('request-filtering-agent');
  return useAgent(href, { denyIPAddressList: [IPV4_COMPATIBLE] });
}

/**
 * Posts a message and returns the response status. Does not follow redirects or read the response body. Unless
 * `allowPrivate` is set, never connects to a non-public address, whatever the host name resolves to at that moment.
 */
export async function postWebhook(
  { url, body, headers }: WebhookMessage,
  { allowPrivate, signal }: { allowPrivate: boolean; signal: AbortSignal },
): Promise<number> {
  // The parsed protocol is lowercase, so `HTTPS://…` is accepted, too.
  const target = new URL(url);
  const { protocol } = target;
  if (protocol !== 'https:' && !(allowPrivate && protocol === 'http:')) {
    throw new Error('the webhook URL must use https');
  }
  const agent = await agentFor(target, allowPrivate);
  const { request } = protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const call = request(
      target,
      {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        signal: AbortSignal.any([signal, AbortSignal.timeout(RESPONSE_TIMEOUT_MS)]),
        agent,
      },
      (response) => {
        resolve(response.statusCode ?? 0);
        response.destroy();
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}
