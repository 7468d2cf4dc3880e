import { setTimeout as delay } from 'node:timers/promises';
import type { VNode } from 'preact';
import { createSemaphore } from '../../../shared/concurrency/semaphore';
import type { ApiContext } from '../../context';
import { PublicError } from '../../http/public-error';
import { LAST_EVENT } from '../design/live-part';

/** How often the current state is read. */
const READ_EVERY_MS = 1_000;
/** How long a response lasts. Browsers then connect again. Shorter than the idle timeouts of usual proxies (60 s). */
const MAX_RESPONSE_MS = 30_000;
/** Maximum number of responses of an account at the same time, per process. */
const MAX_LIVE_PER_ACCOUNT = 4;
/** Maximum number of responses at the same time, per process. */
const MAX_LIVE = 128;
const RETRY_AFTER_SECONDS = 5;

/** A part of a page that changes while it is shown. */
export interface Live {
  /** Returns the part as it is now, and whether it will not change again. */
  read: () => Promise<{ html: VNode; isLast: boolean }>;
}

const onFull = (): Error =>
  new PublicError('RATE_LIMITED', 'Too many pages with live progress are open. Close some of them.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
const perAccount = createSemaphore({ maxAtOnce: MAX_LIVE_PER_ACCOUNT, maxWaiting: 0, onFull });
const perProcess = createSemaphore({ maxAtOnce: MAX_LIVE, maxWaiting: 0, onFull });

/** Returns a message with a text, as the HTML Living Standard defines it (server-sent events). */
function messageOf(text: string): string {
  return `${text
    .split('\n')
    .map((line) => `data: ${line}`)
    .join('\n')}\n\n`;
}

/**
 * Sends a part of a page each time it changes. The response ends after the last change, after a while, or when the
 * process drains.
 */
export async function* liveEvents(
  { draining }: Pick<ApiContext, 'draining'>,
  { read }: Live,
  { account, render, signal }: { account: string; render: (html: VNode) => string; signal: AbortSignal },
): AsyncGenerator<string> {
  const releases = [await perAccount.acquire(account)];
  try {
    releases.push(await perProcess.acquire());
    const endsAtMs = Date.now() + MAX_RESPONSE_MS;
    let sent = '';
    while (!signal.aborted) {
      const { html, isLast } = await read();
      const text = render(html);
      if (text !== sent) yield messageOf(text);
      sent = text;
      if (isLast) yield `event: ${LAST_EVENT}\ndata:\n\n`;
      if (isLast || draining.now || Date.now() >= endsAtMs) return;
      await delay(READ_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    for (const release of releases) release();
  }
}
