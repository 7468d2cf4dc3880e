import { MirError } from '../../shared/platform/errors';
import { isStoreOutage } from '../../shared/store/errors';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { Store, StoreSession } from '../../shared/store/store';

const RETRY_AFTER_SECONDS = 2;

/** Waits for the store; its outage becomes 503, so that the operator knows whose fault it is. */
export async function fromStore<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!isStoreOutage(error)) throw error;
    throw new MirError(
      'STORE_UNAVAILABLE',
      'The store did not answer. A change may have been made or not: look before you repeat it.',
      { retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error },
    );
  }
}

/**
 * One transaction: a change and its audit entry are stored together or not at all. In the given session, or in one of
 * its own.
 */
export function inTransaction<T>(
  { store }: { store: Store },
  work: (session: StoreSession) => Promise<T>,
  given?: StoreSession,
): Promise<T> {
  return fromStore(store.transaction(work, STORE_TIMEOUT_MS, given));
}
