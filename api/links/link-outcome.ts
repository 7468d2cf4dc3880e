import type { LinkRequestDoc } from '../../shared/store/link-requests';
import type { CacheState } from './link-transaction';

/** Why a link request cannot be used. Each reason has its own page. */
export type LinkRejection =
  | 'UNKNOWN'
  | 'EXPIRED'
  | 'USED'
  | 'DECLINED'
  | 'PARTNER_UNAVAILABLE'
  | 'LINKED_ELSEWHERE'
  | 'TOO_MANY_LINKS';

/**
 * State of a link request, as seen by the person who views it or decides on it. `ALREADY_LINKED`: the same person
 * linked the account earlier. `DECLINED`: this person has just declined the request. A request that was declined
 * earlier is reported as a rejection.
 */
export type LinkOutcome =
  | { kind: 'OPEN' }
  | { kind: 'LINKED' | 'ALREADY_LINKED'; cacheState: CacheState }
  | { kind: 'DECLINED' }
  | { kind: 'REJECTED'; rejection: LinkRejection };

/** The outcome of a request that is no longer open. */
export type SettledLink = Exclude<LinkOutcome, { kind: 'OPEN' }>;

export function rejected<R extends LinkRejection>(rejection: R): { kind: 'REJECTED'; rejection: R } {
  return { kind: 'REJECTED', rejection };
}

/** Returns why a request is no longer open, or null if it is open. */
export function linkRejectionOf({ status, expiresAt }: LinkRequestDoc, now: Date): LinkRejection | null {
  if (status !== 'OPEN') return status;
  return expiresAt <= now ? 'EXPIRED' : null;
}
