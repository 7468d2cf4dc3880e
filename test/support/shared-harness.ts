import { afterAll } from '@jest/globals';
import { type Harness, startHarness } from './harness';

const shared = new Map<boolean, Promise<Harness>>();

// In a suite, the file is loaded before the first test file; so this runs after the last one.
afterAll(async () => {
  const harnesses = await Promise.all(shared.values());
  shared.clear();
  await Promise.all(harnesses.map((harness) => harness.close()));
});

/**
 * Returns the suite's harness with default settings, and starts it for the first file that asks. Its database and
 * queues hold what other tests left: a test that looks further than its own partner's data, changes the workers or
 * takes a store away starts a harness of its own. Closing it is left to the suite.
 */
export async function sharedHarness({ workers = true }: { workers?: boolean } = {}): Promise<Harness> {
  const started = shared.get(workers) ?? startHarness({ workers });
  shared.set(workers, started);
  return { ...(await started), close: () => Promise.resolve() };
}
