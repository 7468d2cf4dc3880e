import { MirError } from '../../shared/errors';
import { classifyStoreError } from '../../shared/store/errors';

/**
 * Runs `insert`, which takes a free slot of a tenant. Tries again if a concurrent request takes the same slot, at most
 * once for each of the `slots`.
 */
export async function takeSlot<T>(slots: number, insert: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await insert();
    } catch (error) {
      const isTaken = !(error instanceof MirError) && classifyStoreError(error) === 'duplicate';
      if (!isTaken || attempt >= slots) throw error;
    }
  }
}
