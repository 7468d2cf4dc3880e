import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Cluster, openCluster } from '../../../../model/cluster';
import { runModel } from '../../../../model/run-model';
import { createTally } from '../../../../model/tally';

/** To repeat a failure, set `MODEL_SEED` to the seed that it shows. `npm run test:model` runs any number of steps. */
const SEED = Number(process.env['MODEL_SEED'] ?? Math.floor(Math.random() * 2 ** 30));
const STEPS = Number(process.env['MODEL_STEPS'] ?? 6_000);
/** Operations that a short run may not contain. */
const RARE = ['approve', 'reject', 'rotatePartner'];
const TIMEOUT_MS = 240_000 + STEPS * 20;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await openCluster();
});
afterAll(() => cluster.close());

describe('the authority of API keys', () => {
  it(
    'matches a reference model while agents are changed at several APIs at the same time',
    async () => {
      process.stderr.write(`authority model: MODEL_SEED=${SEED} MODEL_STEPS=${STEPS}\n`);
      const tally = createTally();
      await runModel({ cluster, tally, seed: SEED, steps: STEPS });
      expect(tally.steps()).toBeGreaterThanOrEqual(STEPS);
      // A run with few rejections, or without some kinds of changes, would show little.
      expect(tally.share('PASS')).toBeGreaterThan(0.15);
      expect(tally.share('AGENT_KEY_REVOKED')).toBeGreaterThan(0.05);
      expect(RARE).toEqual(expect.arrayContaining(tally.neverSucceeded()));
    },
    TIMEOUT_MS,
  );
});
