import { AsyncLocalStorage } from 'node:async_hooks';
import { overloaded } from '../../shared/errors';
import { createSemaphore } from '../../shared/concurrency/semaphore';
import type { Metrics } from '../../shared/metrics/metrics';

/** One hash takes about 32 MiB and 0.1 s of CPU time. More concurrent hashes would starve partner requests. */
const HASHES_AT_ONCE = 2;
const HASHES_WAITING = 40;

/**
 * Stored hashes that matched the password during one call. If one of these hashes is replaced in the meantime, the
 * login is undone.
 */
export const matchedHashes = new AsyncLocalStorage<string[]>();

async function wrapped(metrics: Pick<Metrics, 'passwordHashes'>) {
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
    verify: async (input: { hash: string; password: string }) => {
      const matches = await counted(() => verifyPassword(input));
      if (matches) matchedHashes.getStore()?.push(input.hash);
      return matches;
    },
  };
}

const ofProcess = new WeakMap<object, ReturnType<typeof wrapped>>();

/**
 * Wraps better-auth's scrypt functions to limit concurrency, count hash operations and record matching hashes. All
 * accounts of a process share the limit.
 */
export function countedPasswords(metrics: Pick<Metrics, 'passwordHashes'>): ReturnType<typeof wrapped> {
  let passwords = ofProcess.get(metrics);
  if (!passwords) ofProcess.set(metrics, (passwords = wrapped(metrics)));
  return passwords;
}
