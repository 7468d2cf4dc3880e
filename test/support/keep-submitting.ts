import { expect } from '@jest/globals';
import { type ExpectedState, someKeyedEvents, submit, submitUntilAccepted } from './expected-state';
import type { Harness } from './harness';
import { waitUntil } from './wait-until';

const CLIENTS = 4;

/**
 * Submits batches from several clients until `work` has finished, and waits until at least one batch is accepted before
 * `work` begins. After a 503, a client repeats its batch until it is accepted, as the contract requires.
 */
export async function keepSubmitting(
  mir: Pick<Harness, 'client'>,
  expectedState: ExpectedState,
  work: () => Promise<void>,
): Promise<void> {
  const before = expectedState.receiptIds.length;
  const finished = new AbortController();
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!finished.signal.aborted) {
      const events = someKeyedEvents(20, 10);
      const status = await submit(mir.client, expectedState, events);
      if (status === 202) continue;
      expect(status).toBe(503);
      await submitUntilAccepted(mir.client, expectedState, events);
    }
  });
  await waitUntil('a batch is accepted', () => expectedState.receiptIds.length > before);
  await work().finally(() => finished.abort());
  await Promise.all(clients);
}
