/**
 * Collects the items of one turn of the event loop and hands them to `flush` at its end, so that requests that arrived
 * together share one round trip. Adds no delay when idle. A batch longer than `maxItems` is split. With `keyOf`, each
 * batch holds the items of one key.
 */
export function coalesce<T>(
  flush: (items: T[]) => void,
  { maxItems, keyOf }: { maxItems: number; keyOf?: (item: T) => string },
): (item: T) => void {
  let items: T[] = [];
  const flushGroup = (group: T[]): void => {
    if (group.length <= maxItems) flush(group);
    else for (let at = 0; at < group.length; at += maxItems) flush(group.slice(at, at + maxItems));
  };
  const run = (): void => {
    const batch = items;
    items = [];
    if (!keyOf) return flushGroup(batch);
    const groups = new Map<string, T[]>();
    for (const item of batch) {
      const key = keyOf(item);
      const group = groups.get(key);
      if (group) group.push(item);
      else groups.set(key, [item]);
    }
    groups.forEach(flushGroup);
  };
  return (item) => {
    if (items.push(item) === 1) setImmediate(run);
  };
}
