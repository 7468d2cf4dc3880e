import type { ParsedApiKey } from '../domain/api-key';
import { tenantOf } from '../domain/ids';
import type { CountedRequest } from '../domain/usage';

/** Returns the requests that no earlier call has counted, by route group, as authorize.lua expects them. */
export function enteringText(requests: readonly CountedRequest[]): string {
  const [first] = requests;
  if (requests.length === 1) return first!.entered ? '' : `${first!.group} 1`;
  const counts = new Map<string, number>();
  for (const { group, entered } of requests) if (!entered) counts.set(group, (counts.get(group) ?? 0) + 1);
  return [...counts].map(([group, count]) => `${group} ${count}`).join(' ');
}

/**
 * Marks requests as entered. `atMs` is null if authorize.lua has not counted them.
 */
export function markEntered(requests: readonly CountedRequest[], key: ParsedApiKey, atMs: number | null): void {
  const entered = { tenant: tenantOf(key.partnerId, key.env), atMs };
  for (const request of requests) request.entered ??= entered;
}
