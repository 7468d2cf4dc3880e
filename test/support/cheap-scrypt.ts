import crypto from 'node:crypto';

const CHEAP_COST = 16;
let loaded: Promise<void> | undefined;

/**
 * Makes better-auth hash passwords with a low scrypt cost in this test file, because each hash otherwise takes 0.1 s of
 * CPU time. Has no effect if better-auth is already loaded, and does not affect processes that a test starts.
 */
export function lowerScryptCost(): Promise<void> {
  return (loaded ??= loadWithCheapScrypt());
}

async function loadWithCheapScrypt(): Promise<void> {
  const { scrypt } = crypto;
  const cheapScrypt = (
    password: crypto.BinaryLike,
    salt: crypto.BinaryLike,
    keyLength: number,
    options: crypto.ScryptOptions,
    done: (error: Error | null, key: Buffer) => void,
  ): void => scrypt(password, salt, keyLength, { ...options, N: CHEAP_COST }, done);
  Object.assign(crypto, { scrypt: cheapScrypt });
  try {
    // better-auth keeps a reference to the `scrypt` function that exists when better-auth is loaded.
    await import('better-auth/crypto');
  } finally {
    Object.assign(crypto, { scrypt });
  }
}
