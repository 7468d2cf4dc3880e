import { afterAll } from '@jest/globals';
import { type Harness, startHarness } from './harness';
import { ownStores } from './own-stores';
import { testProcesses } from './processes';

/**
 * Tools of a fault test: its own stores, served apps and real processes. All of them stop after the last test, in the
 * only order that works: first the apps, last the stores.
 */
export function faultEnvironment() {
  const served: Pick<Harness, 'close'>[] = [];
  afterAll(async () => {
    await Promise.all(served.map((harness) => harness.close()));
  });
  const start = testProcesses();
  return {
    start,
    ...ownStores(),
    /** Closes an app that the test served in another way. */
    keep: (app: Pick<Harness, 'close'>): void => void served.push(app),
    serve: async (options: Parameters<typeof startHarness>[0] = {}): Promise<Harness> => {
      const harness = await startHarness(options);
      served.push(harness);
      return harness;
    },
  };
}
