import { afterAll } from '@jest/globals';
import { type Harness, startHarness } from './harness';
import { ownStores } from './own-stores';
import { testProcesses } from './processes';

/**
 * Tools for a fault test: its own stores, served apps and real processes. They stop after the last test in the only
 * order that works: apps first, stores last.
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
    /** Closes an app or connection that the test itself opened. */
    closeAtEnd: (closeable: Pick<Harness, 'close'>): void => void closeables.push(closeable),
    serve: async (options: Parameters<typeof startHarness>[0] = {}): Promise<Harness> => {
      const harness = await startHarness(options);
      closeables.push(harness);
      return harness;
    },
  };
}
