import { PublicError } from '../http/public-error';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import { isStoreOutage } from '../../shared/store/errors';
import type { Store, StoreSession } from '../../shared/store/store';

const RETRY_AFTER_SECONDS = 2;

/**
 * Awaits a write. If an outage leaves the outcome unknown, throws STORE_UNAVAILABLE with a detail that says so. Reads
 * do not need this wrapper, because the HTTP layer converts their outage errors to the same code.
 */
export async function storeWrite<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    if (!isStoreOutage(error)) throw error;
    throw new PublicError(
      'STORE_UNAVAILABLE',
      'The database did not respond. Your change may not have been saved; check before retrying.',
      { retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error },
    );
  }
}

/**
 * Runs `work` in a transaction, so that a change and its audit entry are stored together or not at all. Opens a session
 * unless one is passed. Throws STORE_UNAVAILABLE if the outcome is unknown.
 */
export function transaction<T>(
  { store }: { store: Store },
  work: (session: StoreSession) => Promise<T>,
  session?: StoreSession,
): Promise<T> {
  return storeWrite(store.transaction(work, STORE_TIMEOUT_MS, session));
}
