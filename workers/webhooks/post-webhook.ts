import http from 'node:http';
import https from 'node:https';

/** From connecting to the first byte of the answer; a partner's server acknowledges first and works later. */
const ANSWER_WITHIN_MS = 10_000;

export interface WebhookMessage {
  url: string;
  body: string;
  headers: Record<string, string>;
}

/** The agent that refuses addresses which are not public at the moment of connecting, or a plain one. */
async function agentFor({ protocol, href }: URL, allowPrivate: boolean): Promise<http.Agent> {
  if (allowPrivate) return new (protocol === 'https:' ? https : http).Agent();
  const { useAgent } = await import('request-filtering-agent');
  return useAgent(href);
}

/**
 * Posts a message; answers the status. Redirects are not followed and the answer's body is not read. Unless
 * `allowPrivate`, an address that is not public is never connected to, whatever its name resolves to at that moment.
 */
export async function postWebhook(
  { url, body, headers }: WebhookMessage,
  { allowPrivate, signal }: { allowPrivate: boolean; signal: AbortSignal },
): Promise<number> {
  // As it is understood, not as it was typed: `HTTPS://…` is https, too.
  const target = new URL(url);
  const { protocol } = target;
  if (protocol !== 'https:' && !(allowPrivate && protocol === 'http:')) {
    throw new Error('only https is allowed');
  }
  const agent = await agentFor(target, allowPrivate);
  const { request } = protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const call = request(
      target,
      {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
        agent,
      },
      (answer) => {
        resolve(answer.statusCode ?? 0);
        answer.destroy();
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}
