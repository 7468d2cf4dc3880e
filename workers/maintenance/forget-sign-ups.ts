import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { Store } from '../../shared/store/store';

/** Twice the lifetime of the emailed link. */
export const FORGOTTEN_AFTER_MS = 48 * 3_600_000;
const FORGOTTEN_PER_RUN = 500;

/**
 * Deletes unconfirmed sign-ups, because an address may belong to a person who never signed up. Returns how many were
 * deleted.
 */
export async function forgetSignUps(store: Pick<Store, 'identities' | 'transaction'>, nowMs: number): Promise<number> {
  const before = new Date(nowMs - FORGOTTEN_AFTER_MS);
  const old = await store.identities.unverifiedBefore(before, FORGOTTEN_PER_RUN);
  for (const { email } of old) {
    await store.transaction((session) => store.identities.dropUnverified(email, session, before), STORE_TIMEOUT_MS);
  }
  return old.length;
}
