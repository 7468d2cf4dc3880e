import { describe, expect, it } from '@jest/globals';
import { lookupPublic, postWebhook } from '../../../../workers/webhooks/post-webhook';

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
    'https://[::ffff:a9fe:a9fe]/x',
    'https://[0:0:0:0:0:ffff:10.0.0.1]/x',
    'https://[::ffff:0:127.0.0.1]/x',
    'https://[fe80::1]/x',
    'https://[fc00::1]/x',
    'https://[fec0::1]/x',
    'https://[ff02::1]/x',
    'https://[2002:7f00:1::]/x',
    'https://[2001:0:7f00:1::]/x',
    'https://[64:ff9b:1::7f00:1]/x',
    'https://[100::1]/x',
    'https://[2001:db8::1]/x',
    'https://[::]/x',
    'https://0/x',
    'https://127.1/x',
    'https://2130706433/x',
    'https://0177.0.0.1/x',
    'https://127.0.0.1./x',
    'https://１２７.0.0.1/x',
    'https://100.64.0.1/x',
    'https://192.0.0.1/x',
    'https://192.88.99.1/x',
    'https://198.18.0.1/x',
    'https://224.0.0.1/x',
    'https://240.0.0.1/x',
    'https://255.255.255.255/x',
  ])('does not send anything to the private or loopback address %s', async (target) => {
    const message = { url: target, body: '{}', headers: {} };
    const { signal } = new AbortController();
    await expect(postWebhook(message, { allowPrivate: false, signal })).rejects.toThrow(/public address/);
  });
});

describe('lookupPublic', () => {
  const lookUp = (host: string, all: boolean) =>
    new Promise((resolve, reject) => {
      lookupPublic(host, { all }, (error, ...found) => (error ? reject(error) : resolve(found)));
    });

  it.each([true, false])('refuses a name that resolves to a loopback address (all: %s)', async (all) => {
    await expect(lookUp('localhost', all)).rejects.toMatchObject({ code: 'WEBHOOK_URL_NOT_ALLOWED' });
  });

  it('returns public addresses in the form that the caller asks for', async () => {
    expect(await lookUp('1.1.1.1', true)).toEqual([[{ address: '1.1.1.1', family: 4 }], undefined]);
    expect(await lookUp('1.1.1.1', false)).toEqual(['1.1.1.1', 4]);
  });

  it('passes on why a name does not resolve', async () => {
    await expect(lookUp('mir.invalid', true)).rejects.toMatchObject({ syscall: 'getaddrinfo' });
  });
});
