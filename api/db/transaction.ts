import { PublicError } from '../http/public-error';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import { isStoreOutage } from '../../shared/store/errors';
import type { Store, StoreSession } from '../../shared/store/store';

const RETRY_AFTER_SECONDS = 2;

/**
 * Awaits a write. When the store fails in a way that leaves the outcome unknown, throws STORE_UNAVAILABLE with a detail
 * that says so. Reads need no wrapper: the HTTP layer answers their outages with the same code.
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
 * Runs `work` in one transaction, so that a change and its audit entry are stored together or not at all. Uses the
 * given session, or opens its own. Throws STORE_UNAVAILABLE when the outcome is unknown.
 */
export function transaction<T>(
  { store }: { store: Store },
  work: (session: StoreSession) => Promise<T>,
  session?: StoreSession,
): Promise<T> {
  return storeWrite(store.transaction(work, STORE_TIMEOUT_MS, session));
}
