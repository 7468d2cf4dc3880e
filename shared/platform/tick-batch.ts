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
