import { afterAll } from '@jest/globals';
import { type Harness, startHarness } from './harness';
import { ownStores } from './own-stores';
import { testProcesses } from './processes';

/**
 * What a test of faults stands on: `serve` an app, `start` real processes, stores of its own. All of it ends with the
 * test file, whatever becomes of its tests, in the one order that works: the app first, the stores last.
 */
export function faultEnvironment() {
  const served: Harness[] = [];
  afterAll(async () => {
    await Promise.all(served.map((harness) => harness.close()));
  });
  const start = testProcesses();
  return {
    start,
    ...ownStores(),
    /** Closes an app that the test served in another way. */
    keep: (harness: Harness): void => void served.push(harness),
    serve: async (options: Parameters<typeof startHarness>[0] = {}): Promise<Harness> => {
      const harness = await startHarness(options);
      served.push(harness);
      return harness;
    },
  };
}
