import { MAX_PASSKEYS } from '../accounts/passkeys';
import type { ApiContext } from '../context';
import { PublicError } from '../http/public-error';

/** Throws 409 if an account has as many passkeys as it may have. */
export async function requireRoomForPasskey({ store }: Pick<ApiContext, 'store'>, staffId: string): Promise<void> {
  if ((await store.passkeys.of(staffId)).length < MAX_PASSKEYS) return;
  throw new PublicError('CONFLICT', `An account can have at most ${MAX_PASSKEYS} passkeys. Remove one first.`);
}
