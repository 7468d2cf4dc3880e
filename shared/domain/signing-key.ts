const DAY_MS = 24 * 3_600_000;
/** A key signs for this long. */
export const SIGNING_KEY_ROTATION_DAYS = 90;
/** A key, except for the first one, is published for at least this long before it signs. */
export const SIGNING_KEY_PUBLISHED_AHEAD_DAYS = 7;
/** How long a replaced key keeps its private part, so that a process whose clock is slow can still sign. */
const PRIVATE_KEPT_MS = DAY_MS;

/** The position of a key in the sequence of signing keys, and when it begins to sign. */
export interface SigningKeyTerm {
  generation: number;
  activeFrom: Date;
}

/** Returns the key that signs now, or null if no key has begun to. The order of `keys` does not matter. */
export function activeSigningKey<Key extends SigningKeyTerm>(keys: readonly Key[], now: Date): Key | null {
  const begun = keys.filter(({ activeFrom }) => activeFrom <= now);
  return begun.toSorted((a, b) => b.generation - a.generation)[0] ?? null;
}

/**
 * Returns the key to create now, or null if the newest key needs no successor yet. After an outage of all workers, the
 * newest key signs for longer, because its successor is always published ahead.
 */
export function nextSigningKey(keys: readonly SigningKeyTerm[], now: Date): SigningKeyTerm | null {
  const newest = keys.toSorted((a, b) => b.generation - a.generation)[0];
  if (!newest) return { generation: 1, activeFrom: now };
  const dueMs = newest.activeFrom.getTime() + SIGNING_KEY_ROTATION_DAYS * DAY_MS;
  const aheadMs = now.getTime() + SIGNING_KEY_PUBLISHED_AHEAD_DAYS * DAY_MS;
  if (dueMs > aheadMs) return null;
  return { generation: newest.generation + 1, activeFrom: new Date(Math.max(dueMs, aheadMs)) };
}

/** Returns the generation below which keys no longer need their private part. */
export function firstKeptGeneration(keys: readonly SigningKeyTerm[], now: Date): number {
  return activeSigningKey(keys, new Date(now.getTime() - PRIVATE_KEPT_MS))?.generation ?? 0;
}
