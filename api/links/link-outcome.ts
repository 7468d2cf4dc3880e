import type { LinkRequestDoc } from '../../shared/store/link-requests';
import type { CacheState } from './link-transaction';

/** Why a request for a link cannot be followed. Each has a page of its own. */
export type LinkRejection =
  | 'UNKNOWN'
  | 'EXPIRED'
  | 'USED'
  | 'DECLINED'
  | 'PARTNER_UNAVAILABLE'
  | 'LINKED_ELSEWHERE'
  | 'TOO_MANY_LINKS';

/**
 * What has become of a request for a link, for the person who looks at it or answers it. `ALREADY_LINKED` is the same
 * person's link of before; `DECLINED` is this person's answer, whereas a rejection `DECLINED` was given earlier.
 */
export type LinkOutcome =
  | { kind: 'OPEN' }
  | { kind: 'LINKED' | 'ALREADY_LINKED'; cacheState: CacheState }
  | { kind: 'DECLINED' }
  | { kind: 'REJECTED'; rejection: LinkRejection };

/** An outcome after which the request needs no answer. */
export type SettledLink = Exclude<LinkOutcome, { kind: 'OPEN' }>;

/** Returns the outcome of a request that cannot be followed. */
export function rejected<R extends LinkRejection>(rejection: R): { kind: 'REJECTED'; rejection: R } {
  return { kind: 'REJECTED', rejection };
}

/** Why a request is not open any more; null while it is. */
export function linkRejectionOf({ status, expiresAt }: LinkRequestDoc, now: Date): LinkRejection | null {
  if (status !== 'OPEN') return status;
  return expiresAt <= now ? 'EXPIRED' : null;
}
