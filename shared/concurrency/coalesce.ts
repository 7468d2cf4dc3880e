/** A caller's item, with the functions that settle the caller's promise. */
export interface Coalesced<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Collects the items of one turn of the event loop and passes them to `flush` at the end of the turn, so that
 * concurrent calls share a round trip. Does not add a delay when idle. Splits batches longer than `maxItems`. With
 * `keyOf`, each batch contains only items with the same key. `flush` settles each caller's promise. If `flush` rejects,
 * the promises that are still pending reject with the same error.
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
    for (const entry of all) {
      const key = keyOf(entry.item);
      const group = groups.get(key);
      if (group) group.push(entry);
      else groups.set(key, [entry]);
    }
    groups.forEach(flushGroup);
  };
  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.push({ item, resolve, reject }) === 1) setImmediate(run);
    });
}

/**
 * Like `coalesce`, but flushes one batch at a time. Calls that arrive meanwhile share the next batch, so that under load,
 * batches grow instead of competing with each other.
 */
export function coalesceInTurn<Item, Result>(
  flush: (batch: Coalesced<Item, Result>[]) => Promise<void>,
  { maxItems }: { maxItems: number },
): (item: Item) => Promise<Result> {
  const waiting: Coalesced<Item, Result>[] = [];
  let isFlushing = false;
  const run = async (): Promise<void> => {
    if (isFlushing) return;
    isFlushing = true;
    while (waiting.length > 0) {
      const batch = waiting.splice(0, maxItems);
      await flush(batch).catch((error: unknown) => batch.forEach(({ reject }) => reject(error)));
    }
    isFlushing = false;
  };
  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.push({ item, resolve, reject }) === 1) setImmediate(() => void run());
    });
}
