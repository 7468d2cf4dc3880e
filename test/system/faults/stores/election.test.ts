import { beforeAll, describe, expect, it } from '@jest/globals';
import { expectBalanced, newExpectedState } from '../../../support/expected-state';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { keepSubmitting } from '../../../support/keep-submitting';
import type { TcpProxy } from '../../../support/open-tcp-proxy';
import type { OwnStore } from '../../../support/own-store';
import { isPrimary, stepDown } from '../../../support/step-down';
import { tcpProxies } from '../../../support/tcp-proxy';
import { waitUntil } from '../../../support/wait-until';

const WORKERS = 2;
const ELECTIONS = 3;
const SECONDARY_SECONDS = 2;
/** Commands to which the scripted stand-in responds as a former primary. */
const REJECTED = 8;
const REJECTED_TIMEOUT_MS = 60_000;
const TIMEOUT_MS = 180_000;

const { start, ownMongo, serve } = faultEnvironment();
const openProxy = tcpProxies();
let mir: Harness;
let mongo: OwnStore;
let proxy: TcpProxy;
beforeAll(async () => {
  mongo = await ownMongo();
  proxy = await openProxy(mongo.url);
  mir = await serve({ workers: false, env: { MONGO_URL: proxy.url } });
  for (let n = 0; n < WORKERS; n += 1) await start('worker', mir.env);
});

/** MongoDB's error for a command that only a primary runs, with the label that it has in a transaction. */
const NOT_PRIMARY = {
  ok: 0,
  code: 10_107,
  codeName: 'NotWritablePrimary',
  errmsg: 'not primary',
  errorLabels: ['TransientTransactionError'],
};

/**
 * The commit reaches the server, but the former primary closes the connection instead of replying, and rejects what
 * follows. Resolves once `REJECTED` commands were rejected.
 */
async function loseCommitsAndReject(): Promise<{ lostCommits: number }> {
  let [lostCommits, rejected] = [0, 0];
  proxy.respondWith((command) => {
    if (command === 'commitTransaction' && lostCommits < ELECTIONS) {
      lostCommits += 1;
      // The server gets the command before the proxy closes the connection.
      setImmediate(() => proxy.cut());
      return null;
    }
    if (lostCommits === 0 || !['insert', 'update', 'find', 'commitTransaction'].includes(command)) return null;
    rejected += 1;
    return NOT_PRIMARY;
  });
  try {
    await waitUntil('the former primary has rejected commands', () => rejected >= REJECTED, REJECTED_TIMEOUT_MS);
  } finally {
    proxy.respondWith(null);
  }
  return { lostCommits };
}

describe('a MongoDB election under load', () => {
  it(
    'stores each accepted event exactly once, although the primary steps down again and again',
    async () => {
      const expectedState = newExpectedState(await mir.partner());
      await keepSubmitting(mir, expectedState, async () => {
        for (let n = 0; n < ELECTIONS; n += 1) {
          await stepDown(mongo.url, SECONDARY_SECONDS);
          expect(await isPrimary(mongo.url)).toBe(false);
          await waitUntil('the server is elected', () => isPrimary(mongo.url));
        }
      });
      await expectBalanced(mir, expectedState);
    },
    TIMEOUT_MS,
  );

  it(
    'stores each accepted event exactly once, although replies to commits are lost (scripted former primary)',
    async () => {
      const expectedState = newExpectedState(await mir.partner());
      await keepSubmitting(mir, expectedState, async () => {
        expect((await loseCommitsAndReject()).lostCommits).toBeGreaterThan(0);
      });
      await expectBalanced(mir, expectedState);
    },
    TIMEOUT_MS,
  );
});
