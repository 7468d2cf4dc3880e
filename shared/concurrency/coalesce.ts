/** The item of one caller, and how to answer that caller. */
export interface Coalesced<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Collects the items of one turn of the event loop and hands them to `flush` at its end, so that calls made together
 * share one round trip. Adds no delay when idle. A batch longer than `maxItems` is split. With `keyOf`, each batch holds
 * the items of one key. `flush` answers each caller; when it rejects, so do the callers that it has not answered.
 */
export function coalesce<Item, Result>(
  flush: (batch: Coalesced<Item, Result>[]) => Promise<void>,
  { maxItems, keyOf }: { maxItems: number; keyOf?: (item: Item) => string },
): (item: Item) => Promise<Result> {
  type Batch = Coalesced<Item, Result>[];
  let waiting: Batch = [];
  const flushBatch = (batch: Batch): void => {
    flush(batch).catch((error: unknown) => batch.forEach(({ reject }) => reject(error)));
  };
  const flushGroup = (group: Batch): void => {
    if (group.length <= maxItems) flushBatch(group);
    else for (let at = 0; at < group.length; at += maxItems) flushBatch(group.slice(at, at + maxItems));
  };
  const run = (): void => {
    const all = waiting;
    waiting = [];
    if (!keyOf) return flushGroup(all);
    const groups = new Map<string, Batch>();
    for (const one of all) {
      const key = keyOf(one.item);
      const group = groups.get(key);
      if (group) group.push(one);
      else groups.set(key, [one]);
    }
    groups.forEach(flushGroup);
  };
  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.push({ item, resolve, reject }) === 1) setImmediate(run);
    });
}
