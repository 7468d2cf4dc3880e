import { type IdentityId, partnerOf } from '../../shared/domain/ids';
import { codeHash, inviteTokenHash, isInviteToken, normalCode } from '../../shared/domain/link';
import type { LinkRequestDoc } from '../../shared/store/link-requests';
import type { PartnerDoc } from '../../shared/store/partners';
import type { ApiContext } from '../context';

/** Why a request for a link cannot be followed. Each has a page of its own. */
export type LinkRejection =
  | 'UNKNOWN'
  | 'EXPIRED'
  | 'USED'
  | 'DECLINED'
  | 'PARTNER_UNAVAILABLE'
  | 'LINKED_ELSEWHERE'
  | 'TOO_MANY_LINKS';

/** An open request with the partner that made it, or why it cannot be followed. */
export type FoundRequest =
  | { kind: 'OPEN'; request: LinkRequestDoc; partner: PartnerDoc }
  /** Confirmed before, by this very person; the link itself may have ended since. */
  | { kind: 'YOURS'; request: LinkRequestDoc; partner: PartnerDoc }
  | { kind: 'REJECTED'; rejection: LinkRejection; partner: PartnerDoc | null };

type Deps = Pick<ApiContext, 'store' | 'secrets'>;

/** Form in which an invite's token is looked for; null for what cannot be one. */
export function hashOfToken(token: string): string | null {
  return isInviteToken(token) ? inviteTokenHash(token) : null;
}

/** Form in which a typed code is looked for; null for what cannot be one. */
export function hashOfCode({ secrets }: Pick<Deps, 'secrets'>, typed: string): string | null {
  const code = normalCode(typed);
  return code === null ? null : codeHash(secrets.linkCode, code);
}

/** What stands behind a token or a code now, for a person who may not be logged in (null). */
export async function findRequest(
  { store }: Deps,
  tokenHash: string | null,
  identityId: IdentityId | null,
  now: Date,
): Promise<FoundRequest> {
  const request = tokenHash === null ? null : await store.linkRequests.byTokenHash(tokenHash);
  if (!request) return { kind: 'REJECTED', rejection: 'UNKNOWN', partner: null };
  const partner = await store.partners.get(partnerOf(request.tenant));
  if (!partner || partner.suspended) return { kind: 'REJECTED', rejection: 'PARTNER_UNAVAILABLE', partner };
  if (request.status === 'USED' && identityId !== null && request.usedBy === identityId) {
    return { kind: 'YOURS', request, partner };
  }
  const rejection = linkRejectionOf(request, now);
  return rejection === null ? { kind: 'OPEN', request, partner } : { kind: 'REJECTED', rejection, partner };
}

/** Why a request is not open any more; null while it is. */
export function linkRejectionOf({ status, expiresAt }: LinkRequestDoc, now: Date): LinkRejection | null {
  if (status !== 'OPEN') return status;
  return expiresAt <= now ? 'EXPIRED' : null;
}
