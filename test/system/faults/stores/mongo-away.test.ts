import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  submitUntilAccepted,
  type ExpectedState,
  expectBalanced,
  newExpectedState,
  someEvents,
  someKeyedEvents,
} from '../../../support/expected-state';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { outagesOf } from '../../../support/outages-of';
import { viewQueue } from '../../../support/queue-view';
import type { OwnStore } from '../../../support/own-store';
import { waitUntil } from '../../../support/wait-until';

/** Set FAULT_OUTAGE_SECONDS for longer outages. */
const OUTAGE_MS = Number(process.env['FAULT_OUTAGE_SECONDS'] ?? 3) * 1_000;
const WORKERS = 2;
const BATCH = 10;
const USERS = 30;
/** Longer than any wait of a test, so that a wait that fails says what it waited for. */
const TIMEOUT_MS = 150_000 + 3 * OUTAGE_MS;
const WAIT_MS = 60_000 + OUTAGE_MS;

const { start, ownMongo, serve } = faultEnvironment();
let mir: Harness;
let mongo: OwnStore;
beforeAll(async () => {
  mongo = await ownMongo();
  mir = await serve({ workers: false, env: { MONGO_URL: mongo.url } });
  for (let n = 0; n < WORKERS; n += 1) await start('worker', mir.env);
});

async function countPingFailures(): Promise<number> {
  return (await mir.ctx.metrics.mongoPingFailures.get()).values[0]!.value;
}

/** Submits batches one after another while the condition holds. */
async function submitWhile(expectedState: ExpectedState, condition: () => Promise<boolean> | boolean): Promise<void> {
  await waitUntil(
    'enough events are submitted',
    async () => {
      if (!(await condition())) return true;
      await submitUntilAccepted(mir.client, expectedState, someEvents(BATCH, USERS));
      await submitUntilAccepted(mir.client, expectedState, someKeyedEvents(BATCH, USERS));
      return false;
    },
    WAIT_MS,
  );
}

describe('a MongoDB outage', () => {
  describe.each(outagesOf(() => mongo))('with MongoDB $outage', ({ begin, end }) => {
    it(
      'accepts events during the outage, and stores each of them exactly once afterward, without a failed attempt',
      async () => {
        const expectedState = newExpectedState(await mir.partner());
        const { queue } = viewQueue(mir);
        const { receipts } = mir.ctx.store;
        await submitWhile(
          expectedState,
          async () => (await receipts.model.countDocuments({ tenant: expectedState.tenant })) < 2,
        );

        const failuresBefore = await countPingFailures();
        await begin();
        const endsAt = Date.now() + OUTAGE_MS;
        await submitWhile(expectedState, async () => {
          await expectServed(expectedState);
          return Date.now() < endsAt;
        });
        await waitUntil('a ping fails', async () => (await countPingFailures()) > failuresBefore);
        const jobs = await queue.getJobs(['active', 'waiting', 'prioritized']);
        expect(jobs.length).toBeGreaterThan(0);
        expect(new Set(jobs.map(({ attemptsMade }) => attemptsMade))).toEqual(new Set([0]));

        const finished = expectRecovery(expectedState);
        await end();
        await finished;
        await expectBalanced(mir, expectedState);
      },
      TIMEOUT_MS,
    );
  });

  /** Expects signals from the cache, and no delayed or failed jobs. */
  async function expectServed({ partner }: ExpectedState): Promise<void> {
    await waitUntil('the signals come from the cache', async () => {
      const resolved = await mir.client.post('/v1/resolve', partner.liveKey, { userExternalId: 'u-0' });
      return resolved.status === 200 && resolved.headers.get('x-signals-source') === 'cache';
    });
    expect(await viewQueue(mir).queue.getJobCounts('failed', 'delayed')).toEqual({ failed: 0, delayed: 0 });
  }

  /** Waits until all jobs are done, and expects that none of them fails or is delayed in the meantime. */
  async function expectRecovery({ receiptIds }: ExpectedState): Promise<void> {
    const { queue } = viewQueue(mir);
    expect(receiptIds.length).toBeGreaterThan(0);
    await waitUntil(
      'the jobs are done',
      async () => {
        const { failed, delayed, active, waiting, prioritized } = await queue.getJobCounts();
        expect({ failed, delayed }).toEqual({ failed: 0, delayed: 0 });
        return active === 0 && waiting === 0 && prioritized === 0;
      },
      WAIT_MS,
    );
  }

  it(
    'returns 503 STORE_UNAVAILABLE from every read while MongoDB is down',
    async () => {
      const { liveKey } = await mir.partner();
      const paths = ['/v1/events', '/v1/events/evt_live_x', '/v1/audit', '/v1/agents', '/v1/partners/webhook'];
      expect((await mir.client.get(paths[0]!, liveKey)).status).toBe(200);
      await mongo.stop();
      try {
        const responses = await Promise.all(paths.map((path) => mir.client.get(path, liveKey)));
        for (const { status, body, headers } of responses) {
          expect([status, body.code, headers.get('retry-after')]).toEqual([
            503,
            'STORE_UNAVAILABLE',
            expect.any(String),
          ]);
        }
      } finally {
        await mongo.restart();
      }
    },
    TIMEOUT_MS,
  );
});
