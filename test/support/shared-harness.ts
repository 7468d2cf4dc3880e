import { afterAll } from '@jest/globals';
import { type Harness, startHarness } from './harness';

const shared = new Map<string, Promise<Harness>>();

// In a suite, this module is loaded before the first test file, so this hook runs after the last test file.
afterAll(async () => {
  const harnesses = await Promise.all(shared.values());
  shared.clear();
  await Promise.all(harnesses.map((harness) => harness.close()));
});

/**
 * Returns the suite's harness with default settings, starting it on the first call. Its database and queues contain
 * other tests' data. A test that reads more than its own partner's data, changes the workers or stops a store must
 * start its own harness. Its `close` does nothing, because the suite closes the harness.
 */
export function sharedHarness({ workers = true }: { workers?: boolean } = {}): Promise<Harness> {
  return shareHarness(workers ? 'with workers' : 'without workers', () => startHarness({ workers }));
}

/** Returns the suite's harness with this name, starting it with `start` on the first call. `close` does nothing. */
export async function shareHarness(name: string, start: () => Promise<Harness>): Promise<Harness> {
  const started = shared.get(name) ?? start();
  shared.set(name, started);
  return { ...(await started), close: () => Promise.resolve() };
}
