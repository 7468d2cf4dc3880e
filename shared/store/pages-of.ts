/** Yields the items in pages of at most `size`. */
export function* pagesOf<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}

/**
 * Returns the `batchSize` with which a query by ID gets all its documents in one reply. By default, MongoDB returns only
 * the first 101, and one more makes the server close the cursor at once.
 */
export function batchSizeFor(ids: readonly string[]): number {
  return ids.length + 1;
}
