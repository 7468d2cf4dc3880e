import { AsyncLocalStorage } from 'node:async_hooks';
import { overloaded } from '../../shared/errors';
import { createSemaphore } from '../../shared/concurrency/semaphore';
import type { Metrics } from '../../shared/metrics/metrics';

/** One hash takes some 32 MiB and a tenth of a second of a core: more at once would starve the requests of partners. */
const HASHES_AT_ONCE = 2;
const HASHES_WAITING = 40;

/** Hashes that a password was right for, during one call: who was let in by one may have to be put out again. */
export const rightHashes = new AsyncLocalStorage<string[]>();

/** better-auth's scrypt, a few at a time, each counted. */
export async function countedPasswords(metrics: Pick<Metrics, 'passwordHashes'>) {
  const { hashPassword, verifyPassword } = await import('better-auth/crypto');
  const hashes = createSemaphore({
    maxAtOnce: HASHES_AT_ONCE,
    maxWaiting: HASHES_WAITING,
    onFull: () => overloaded('LOG_INS_FULL'),
  });
  const counted = <T>(work: () => Promise<T>): Promise<T> => {
    metrics.passwordHashes.inc();
    return hashes.run(work);
  };
  return {
    hash: (password: string) => counted(() => hashPassword(password)),
    verify: async (given: { hash: string; password: string }) => {
      const isRight = await counted(() => verifyPassword(given));
      if (isRight) rightHashes.getStore()?.push(given.hash);
      return isRight;
    },
  };
}
