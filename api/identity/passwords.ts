import { overloaded } from '../../shared/platform/errors';
import { createGate } from '../../shared/platform/gate';
import type { Metrics } from '../../shared/platform/metrics';

/** One hash takes some 32 MiB and a tenth of a second of a core: more at once would starve the requests of partners. */
const HASHES_AT_ONCE = 2;
const HASHES_WAITING = 40;

/** better-auth's scrypt, a few at a time, each counted. */
export async function countedPasswords(metrics: Pick<Metrics, 'passwordHashes'>) {
  const { hashPassword, verifyPassword } = await import('better-auth/crypto');
  const gate = createGate(HASHES_AT_ONCE, HASHES_WAITING, () =>
    overloaded('Too many people log in at this moment. Try again soon.'),
  );
  const counted = <T>(work: () => Promise<T>): Promise<T> => {
    metrics.passwordHashes.inc();
    return gate(work);
  };
  return {
    hash: (password: string) => counted(() => hashPassword(password)),
    verify: (given: { hash: string; password: string }) => counted(() => verifyPassword(given)),
  };
}
