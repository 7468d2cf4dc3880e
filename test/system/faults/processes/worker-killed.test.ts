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
import { waitUntil } from '../../../support/wait-until';

/** Each of the three moments once, unless a worker was too quick for its kill. */
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

/** Moments of a worker's life at which it is killed. */
async function moments({ tenant }: ExpectedState): Promise<(() => Promise<boolean>)[]> {
  const { store } = mir.ctx;
  const { queue } = viewQueue(mir);
  const atStart = {
    events: await store.events.model.countDocuments({ tenant }),
    parts: await store.receipts.model.countDocuments({ tenant }),
  };
  return [
    async () => (await queue.getActiveCount()) > 0,
    async () => (await store.events.model.countDocuments({ tenant })) > atStart.events,
    async () => (await store.receipts.model.countDocuments({ tenant })) > atStart.parts,
  ];
}

describe('a worker process killed with SIGKILL', () => {
  it(
    'kill -9 of workers in mid-burst loses nothing and doubles nothing',
    async () => {
      const expectedState = newExpectedState(await mir.partner());
      const { queue } = viewQueue(mir);
      let killedAtWork = 0;
      let activeOfTheDead = 0;
      for (let round = 0; killedAtWork < KILLS && round < MAX_ROUNDS; round += 1) {
        const batches = Array.from({ length: BATCHES_PER_ROUND }, (_, n) =>
          n % 2 === 0 ? someEvents(EVENTS_PER_BATCH, USERS) : someKeyedEvents(EVENTS_PER_BATCH, USERS),
        );
        await Promise.all(batches.map((events) => accepted(mir.client, expectedState, events)));
        const comes = (await moments(expectedState))[round % 3]!;
        const worker = await start('worker', mir.env);
        await waitUntil('the moment comes', comes);
        await worker.kill9();
        // Whatever is active now belonged to a worker that is dead.
        const active = await queue.getActiveCount();
        if (active > activeOfTheDead) killedAtWork += 1;
        activeOfTheDead = active;
      }
      expect(killedAtWork).toBe(KILLS);

      await start('worker', mir.env);
      await expectBalanced(mir, expectedState);
    },
    TIMEOUT_MS,
  );
});
