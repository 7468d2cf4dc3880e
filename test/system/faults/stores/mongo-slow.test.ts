import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  expectBalanced,
  newExpectedState,
  someKeyedEvents,
  submitUntilAccepted,
} from '../../../support/expected-state';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { type SlowMongo, slowMongos } from '../../../support/slow-mongo';

const BATCH = 500;
const BATCHES = 4;
const USERS = 500;
const TRANSACTION_LIFETIME_MS = 10_000;
/** A commit of 1,000 events transfers about 400 KB, so it takes about 15 s. */
const BYTES_PER_SECOND = 27_000;
const TIMEOUT_MS = 150_000;

const { start, ownMongo, serve } = faultEnvironment();
const startSlowMongo = slowMongos();
let mir: Harness;
let slow: SlowMongo;
beforeAll(async () => {
  const { url } = await ownMongo();
  mir = await serve({ workers: false, env: { MONGO_URL: url } });
  slow = await startSlowMongo(mir.env['MONGO_URL']!, {
    bytesPerSecond: BYTES_PER_SECOND,
    lifetimeMs: TRANSACTION_LIFETIME_MS,
  });
});

describe('a slow MongoDB', () => {
  it(
    'stores all events although a commit takes longer than a transaction may live',
    async () => {
      const expectedState = newExpectedState(await mir.partner());
      for (let n = 0; n < BATCHES; n += 1) {
        await submitUntilAccepted(mir.client, expectedState, someKeyedEvents(BATCH, USERS));
      }
      await start('worker', { ...mir.env, MONGO_URL: slow.url });
      await expectBalanced(mir, expectedState);
      expect(slow.expired()).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
