import { describe, expect, it } from '@jest/globals';
import { postWebhook } from '../../../../workers/webhooks/post-webhook';

describe('postWebhook', () => {
  it.each([
    'https://127.0.0.1/x',
    'https://10.1.2.3/x',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/x',
    'https://[::ffff:127.0.0.1]/x',
    'https://localhost/x',
    'https://0x7f000001/x',
    'HTTPS://127.0.0.1/x',
    'https://[64:ff9b::7f00:1]/x',
    'https://[::7f00:1]/x',
    'https://[::a9fe:a9fe]/x',
  ])('does not send anything to the private or loopback address %s', async (target) => {
    const message = { url: target, body: '{}', headers: {} };
    const { signal } = new AbortController();
    await expect(postWebhook(message, { allowPrivate: false, signal })).rejects.toThrow(/is not allowed/);
  });
});
