import { afterAll } from '@jest/globals';
import { type Harness, startHarness } from './harness';
import { ownStores } from './own-stores';
import { testProcesses } from './processes';

/**
 * Returns functions that start stores, apps and processes for one fault test. After the last test, everything stops in
 * the only order that works: apps first, stores last.
 */
export function faultEnvironment() {
  const closeables: Pick<Harness, 'close'>[] = [];
  afterAll(async () => {
    await Promise.all(closeables.map((closeable) => closeable.close()));
  });
  const start = testProcesses();
  return {
    start,
    ...ownStores(),
    /** Registers an app or connection that the test opened, and closes it after the last test. */
    closeAtEnd: (closeable: Pick<Harness, 'close'>): void => void closeables.push(closeable),
    serve: async (options: Parameters<typeof startHarness>[0] = {}): Promise<Harness> => {
      const harness = await startHarness(options);
      closeables.push(harness);
      return harness;
    },
  };
}
