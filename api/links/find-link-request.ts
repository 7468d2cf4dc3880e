import { type IdentityId, partnerOf } from '../../shared/domain/ids';
import { codeHash, inviteTokenHash, isInviteToken, normalCode } from '../../shared/domain/link';
import type { LinkRequestDoc } from '../../shared/store/link-requests';
import type { PartnerDoc } from '../../shared/store/partners';
import type { ApiContext } from '../context';
import { existingLinkOf } from './confirm-link';
import { type LinkOutcome, linkRejectionOf, rejected } from './link-outcome';
import type { LinkDeps } from './link-transaction';

/** An outcome with its request and partner. If the outcome is a rejection, the request and the partner may be null. */
export type FoundRequest =
  | (Exclude<LinkOutcome, { kind: 'REJECTED' }> & { request: LinkRequestDoc; partner: PartnerDoc })
  | (Extract<LinkOutcome, { kind: 'REJECTED' }> & { request: LinkRequestDoc | null; partner: PartnerDoc | null });

/** Returns the hash that identifies an invitation token in the database, or null if the text cannot be a token. */
export function hashOfToken(token: string): string | null {
  return isInviteToken(token) ? inviteTokenHash(token) : null;
}

/** Returns the hash that identifies a typed code in the database, or null if the text cannot be a code. */
export function hashOfCode({ secrets }: Pick<ApiContext, 'secrets'>, typed: string): string | null {
  const code = normalCode(typed);
  return code === null ? null : codeHash(secrets.linkCode, code);
}

/**
 * Returns the state of the request that a token or code belongs to. `identityId` is null if the person is not logged
 * in.
 */
export async function findRequest(
  deps: LinkDeps,
  tokenHash: string | null,
  identityId: IdentityId | null,
  now: Date,
): Promise<FoundRequest> {
  const { store } = deps;
  const request = tokenHash === null ? null : await store.linkRequests.byTokenHash(tokenHash);
  if (!request) return { ...rejected('UNKNOWN'), request: null, partner: null };
  const partner = await store.partners.get(partnerOf(request.tenant));
  if (!partner || partner.suspended) return { ...rejected('PARTNER_UNAVAILABLE'), request, partner };
  const rejection = linkRejectionOf(request, now);
  if (rejection === null) return { kind: 'OPEN', request, partner };
  const linked = rejection === 'USED' && identityId !== null ? await existingLinkOf(deps, request, identityId) : null;
  return { ...(linked ?? rejected(rejection)), request, partner };
}
