const BYTES_PER_UNIT = 32 * 1024;

/** What a submission costs of the events budget: one unit per item, rejected ones included, or per 32 KiB. */
export function unitsOf(items: number, bytes: number): number {
  return Math.max(1, items, Math.ceil(bytes / BYTES_PER_UNIT));
}
