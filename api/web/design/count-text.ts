/** Returns a count with separators, such as "12,345". */
export function countText(count: number): string {
  return count.toLocaleString('en-GB');
}

/** Returns a count of things, such as "1 agent" or "12,345 agents". */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** Returns a count that was read only up to a limit, such as "1,000 or more". */
export function boundedCountText(count: number, limit: number): string {
  return count >= limit ? `${countText(limit)} or more` : countText(count);
}
