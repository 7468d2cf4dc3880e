import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { isIP } from 'node:net';
import { messageOf } from '../../../shared/errors';
import { postWebhook } from '../../../workers/webhooks/post-webhook';

/**
 * Posts a webhook while the resolver returns chosen addresses: `node post-with-dns.js <url> <answers>`, where the
 * answers are the addresses of each lookup in turn. Prints the error and the number of lookups. This is a process of its
 * own, because the system's resolver cannot be replaced in a test.
 */
const [url, given] = process.argv.slice(2) as [string, string];
const answers = JSON.parse(given) as string[][];
let lookups = 0;

type Done = (error: null, address: unknown, family?: number) => void;
const lookup = (_host: string, options: { all?: boolean }, done: Done): void => {
  const addresses = answers[Math.min(lookups, answers.length - 1)]!;
  lookups += 1;
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  process.nextTick(() => (options.all ? done(null, found) : done(null, found[0]!.address, found[0]!.family)));
};
Object.assign(dns, { lookup });
syncBuiltinESMExports();

const message = { url, body: '{}', headers: {} };
postWebhook(message, { allowPrivate: false, signal: new AbortController().signal }).then(
  (status) => process.stdout.write(JSON.stringify({ status, lookups })),
  (error: unknown) => process.stdout.write(JSON.stringify({ error: messageOf(error), lookups })),
);
