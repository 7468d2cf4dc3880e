import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  accepted,
  type ExpectedState,
  expectBalanced,
  newExpectedState,
  someEvents,
  someKeyedEvents,
} from '../../../support/expected-state';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { viewQueue } from '../../../support/queue-view';
import type { OwnStore } from '../../../support/own-stores';
import { waitUntil } from '../../../support/wait-until';

/** How long the store is away; FAULT_OUTAGE_SECONDS=30 is the outage that the issue names. */
const OUTAGE_MS = Number(process.env['FAULT_OUTAGE_SECONDS'] ?? 3) * 1_000;
const WORKERS = 2;
const BATCH = 10;
const USERS = 30;
const TIMEOUT_MS = 120_000 + 3 * OUTAGE_MS;

const { start, ownMongo, serve } = faultEnvironment();
let mir: Harness;
let mongo: OwnStore;
beforeAll(async () => {
  mongo = await ownMongo();
  mir = await serve({ workers: false, env: { MONGO_URL: mongo.url } });
  for (let n = 0; n < WORKERS; n += 1) await start('worker', mir.env);
});

/** Pings of the API process to MongoDB that had no answer. */
async function pingFailures(): Promise<number> {
  return (await mir.ctx.metrics.mongoPingFailures.get()).values[0]!.value;
}

/** Submits, one batch after the other, as long as `goesOn`. */
async function submitWhile(expectedState: ExpectedState, goesOn: () => Promise<boolean> | boolean): Promise<void> {
  await waitUntil(
    'enough is submitted',
    async () => {
      if (!(await goesOn())) return true;
      await accepted(mir.client, expectedState, someEvents(BATCH, USERS));
      await accepted(mir.client, expectedState, someKeyedEvents(BATCH, USERS));
      return false;
    },
    TIMEOUT_MS,
  );
}

describe('an outage of MongoDB', () => {
  describe.each([
    { what: 'stopped', away: () => mongo.stop(), back: () => mongo.startAgain() },
    { what: 'killed in mid-burst', away: () => mongo.kill(), back: () => mongo.startAgain() },
    { what: 'frozen', away: async () => mongo.freeze(), back: async () => mongo.thaw() },
  ])('with MongoDB $what', ({ away, back }) => {
    it(
      'events are accepted all the time, and land afterwards: none lost, none doubled, no attempt spent',
      async () => {
        const expectedState = newExpectedState(await mir.partner());
        const { queue } = viewQueue(mir);
        const { receipts } = mir.ctx.store;
        await submitWhile(
          expectedState,
          async () => (await receipts.model.countDocuments({ tenant: expectedState.tenant })) < 2,
        );

        const failuresBefore = await pingFailures();
        await away();
        const endsAt = Date.now() + OUTAGE_MS;
        await submitWhile(expectedState, async () => {
          await expectServed(expectedState);
          return Date.now() < endsAt;
        });
        await waitUntil('it is told that MongoDB is away', async () => (await pingFailures()) > failuresBefore);
        const jobs = await queue.getJobs(['active', 'waiting', 'prioritized']);
        expect(jobs.length).toBeGreaterThan(0);
        expect(new Set(jobs.map(({ attemptsMade }) => attemptsMade))).toEqual(new Set([0]));

        const finished = expectBack(expectedState);
        await back();
        await finished;
        await expectBalanced(mir, expectedState);
      },
      TIMEOUT_MS,
    );
  });

  /** What the cache knows is resolved all the time, and no job is put back or failed. */
  async function expectServed({ partner }: ExpectedState): Promise<void> {
    await waitUntil('signals come from the cache', async () => {
      const resolved = await mir.client.post('/v1/resolve', partner.liveKey, { userExternalId: 'u-0' });
      return resolved.status === 200 && resolved.headers.get('x-signals-source') === 'cache';
    });
    expect(await viewQueue(mir).queue.getJobCounts('failed', 'delayed')).toEqual({ failed: 0, delayed: 0 });
  }

  /** While the store comes back, no job is ever put back or failed; ends when all are done. */
  async function expectBack({ receiptIds }: ExpectedState): Promise<void> {
    const { queue } = viewQueue(mir);
    expect(receiptIds.length).toBeGreaterThan(0);
    await waitUntil(
      'the jobs are done',
      async () => {
        const { failed, delayed, active, waiting, prioritized } = await queue.getJobCounts();
        expect({ failed, delayed }).toEqual({ failed: 0, delayed: 0 });
        return active === 0 && waiting === 0 && prioritized === 0;
      },
      TIMEOUT_MS,
    );
  }

  it(
    'whatever reads the store says that it is away, and never that it is our fault',
    async () => {
      const { liveKey } = await mir.partner();
      const reads = ['/v1/events', '/v1/events/evt_live_x', '/v1/audit', '/v1/agents', '/v1/partners/webhook'];
      expect((await mir.client.get(reads[0]!, liveKey)).status).toBe(200);
      await mongo.stop();
      try {
        const answers = await Promise.all(reads.map((path) => mir.client.get(path, liveKey)));
        for (const { status, body, headers } of answers) {
          expect([status, body.code, headers.get('retry-after')]).toEqual([
            503,
            'STORE_UNAVAILABLE',
            expect.any(String),
          ]);
        }
      } finally {
        await mongo.startAgain();
      }
    },
    TIMEOUT_MS,
  );
});
