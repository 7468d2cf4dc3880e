import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postWebhook } from '../../../../workers/webhooks/post-webhook';
import { startWebhookReceiver, type WebhookReceiver } from '../../../support/webhook-receiver';

const TIMEOUT_MS = 300;

let receiver: WebhookReceiver;
beforeAll(async () => {
  receiver = await startWebhookReceiver();
});
afterAll(() => receiver.close());

/** Returns a function that collects garbage. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

describe('postWebhook', () => {
  it('ends a request without a response after the timeout, also if garbage is collected meanwhile', async () => {
    receiver.respond = () => null;
    const { signal } = new AbortController();
    const message = {
      url: receiver.urlOf('/hook'),
      body: '{"type":"any","data":{}}',
      headers: { 'webhook-id': 'msg_1' },
    };
    const posts = Array.from({ length: 10 }, () =>
      postWebhook(message, { allowPrivate: true, signal, timeoutMs: TIMEOUT_MS }),
    );
    const collecting = setInterval(garbageCollector(), TIMEOUT_MS / 10);
    const results = await Promise.allSettled(posts);
    clearInterval(collecting);
    const timedOut = expect.objectContaining({ name: 'TimeoutError' });
    expect(results).toEqual(posts.map(() => ({ status: 'rejected', reason: timedOut })));
  });

  it('rejects when the process gives up waiting for its jobs', async () => {
    receiver.respond = () => null;
    const controller = new AbortController();
    const message = {
      url: receiver.urlOf('/hook'),
      body: '{"type":"any","data":{}}',
      headers: { 'webhook-id': 'msg_1' },
    };
    const post = postWebhook(message, { allowPrivate: true, signal: controller.signal });
    controller.abort();
    await expect(post).rejects.toMatchObject({ code: 'ABORT_ERR' });
  });
});
