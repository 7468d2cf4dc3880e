import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../shared/errors';

const RESPONSE_TIMEOUT_MS = 30_000;
const MAX_RETRY_AFTER_MS = 10_000;
/** Delay before a retry if there is no response or the response has no Retry-After header. */
const DEFAULT_RETRY_MS = 1_000;
/** How long to retry a request before the run fails. */
const RETRY_FOR_MS = 120_000;
const RETRIED_STATUS: ReadonlySet<number> = new Set([429, 503]);

export interface ApiCall {
  path: string;
  apiKey: string;
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
}

export interface ApiResponse {
  status: number;
  headers: Headers;
  body: unknown;
  /** Number of attempts that returned 429 and therefore did not store anything. */
  rejections: number;
  /** Number of attempts that returned 503 or got no response and may therefore have stored their events. */
  uncertain: number;
}

/** Calls the API. Retries on 429, 503 and lost connections, honoring Retry-After. */
export async function callApi(url: string, call: ApiCall, retryForMs = RETRY_FOR_MS): Promise<ApiResponse> {
  const giveUpAtMs = Date.now() + retryForMs;
  let rejections = 0;
  let uncertain = 0;
  for (;;) {
    const attempt = await tryOnce(url, call);
    if (!('failure' in attempt) && !RETRIED_STATUS.has(attempt.status)) return { ...attempt, rejections, uncertain };
    if ('failure' in attempt || attempt.status !== 429) uncertain += 1;
    else rejections += 1;
    const waitMs = 'failure' in attempt ? DEFAULT_RETRY_MS : retryAfterMs(attempt.headers);
    if (Date.now() + waitMs > giveUpAtMs) {
      const last = 'failure' in attempt ? attempt.failure : `status ${attempt.status}: ${JSON.stringify(attempt.body)}`;
      throw new Error(`${call.method ?? 'POST'} ${url}${call.path} failed for ${retryForMs / 1000} s (${last})`);
    }
    await sleep(waitMs);
  }
}

type Attempt = Pick<ApiResponse, 'status' | 'headers' | 'body'> | { failure: string };

async function tryOnce(url: string, { path, apiKey, method = 'POST', headers, body }: ApiCall): Promise<Attempt> {
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { 'x-api-key': apiKey, 'content-type': 'application/json', ...headers },
      signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? null : parsed(text) };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : '';
    return { failure: `${messageOf(error)}${cause}` };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function retryAfterMs(headers: Headers): number {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, seconds * 1000)) : DEFAULT_RETRY_MS;
}

/** Runs `work` on every item in order, processing at most `concurrency` items at once. Stops at the first failure. */
export async function inParallel<T>(
  items: readonly T[],
  concurrency: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const index = next++;
      try {
        await work(items[index]!, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, lane));
}
