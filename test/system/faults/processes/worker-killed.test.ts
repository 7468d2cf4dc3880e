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
import { viewQueue } from '../../../support/queue-view';
import { waitUntil } from '../../../support/wait-until';

/** One kill per condition. Each condition is retried until the worker has active jobs when it is killed. */
const KILLS = 3;
const MAX_ROUNDS = 30;
const BATCHES_PER_ROUND = 6;
const EVENTS_PER_BATCH = 150;
const USERS = 250;
const TIMEOUT_MS = 150_000;

const { start, serve } = faultEnvironment();
let mir: Harness;
beforeAll(async () => {
  mir = await serve({ workers: false, env: { EVENT_WORKER_CONCURRENCY: '4' } });
});

/**
 * Returns the conditions under which a worker is killed: a job is active, a new event is stored, or a new receipt is
 * stored.
 */
async function killConditions({ tenant }: ExpectedState): Promise<(() => Promise<boolean>)[]> {
  const { store } = mir.ctx;
  const { queue } = viewQueue(mir);
  const before = {
    events: await store.events.model.countDocuments({ tenant }),
    receipts: await store.receipts.model.countDocuments({ tenant }),
  };
  return [
    async () => (await queue.getActiveCount()) > 0,
    async () => (await store.events.model.countDocuments({ tenant })) > before.events,
    async () => (await store.receipts.model.countDocuments({ tenant })) > before.receipts,
  ];
}

describe('killed worker processes', () => {
  it(
    'does not lose or duplicate any events when workers are killed with SIGKILL during a burst',
    async () => {
      const expectedState = newExpectedState(await mir.partner());
      const { queue } = viewQueue(mir);
      let killedAtWork = 0;
      let abandonedJobs = 0;
      for (let round = 0; killedAtWork < KILLS && round < MAX_ROUNDS; round += 1) {
        const batches = Array.from({ length: BATCHES_PER_ROUND }, (_, n) =>
          n % 2 === 0 ? someEvents(EVENTS_PER_BATCH, USERS) : someKeyedEvents(EVENTS_PER_BATCH, USERS),
        );
        await Promise.all(batches.map((events) => submitUntilAccepted(mir.client, expectedState, events)));
        const condition = (await killConditions(expectedState))[killedAtWork]!;
        const worker = await start('worker', mir.env);
        await waitUntil('the worker meets the kill condition', condition);
        await worker.kill9();
        // The remaining active jobs belong to killed workers.
        const active = await queue.getActiveCount();
        if (active > abandonedJobs) killedAtWork += 1;
        abandonedJobs = active;
      }
      expect(killedAtWork).toBe(KILLS);

      await start('worker', mir.env);
      await expectBalanced(mir, expectedState);
    },
    TIMEOUT_MS,
  );
});
