/**
 * Collects what is pushed during one turn of the event loop and hands it over at its end, so that all requests
 * that arrived together share one round trip. Adds no delay when idle. A batch longer than `maxItems` is split.
 */
export function tickBatch<T>(flush: (items: T[]) => void, maxItems: number): (item: T) => void {
  let items: T[] = [];
  const run = (): void => {
    const batch = items;
    items = [];
    if (batch.length <= maxItems) flush(batch);
    else for (let at = 0; at < batch.length; at += maxItems) flush(batch.slice(at, at + maxItems));
  };
  return (item) => {
    if (items.push(item) === 1) setImmediate(run);
  };
}

/** The same, handed over in groups of one name each. */
export function tickGroups<T>(
  nameOf: (item: T) => string,
  flush: (group: T[]) => void,
  maxItems: number,
): (item: T) => void {
  return tickBatch<T>((items) => {
    const groups = new Map<string, T[]>();
    for (const item of items) {
      const name = nameOf(item);
      const group = groups.get(name);
      if (group) group.push(item);
      else groups.set(name, [item]);
    }
    groups.forEach((group) => flush(group));
  }, maxItems);
}
