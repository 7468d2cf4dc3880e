import { envOf, type IdentityId, type IdentityRef, identityRefOf, newId, partnerOf } from '../../shared/domain/ids';
import { MAX_LINKS_PER_IDENTITY } from '../../shared/domain/link';
import type { LinkRequestDoc } from '../../shared/store/link-requests';
import type { LinkedAccount } from '../../shared/store/memberships';
import type { StoreSession } from '../../shared/store/store';
import { PublicError } from '../http/public-error';
import { type AuditContext, auditEntry } from '../db/audit-context';

import { announceLink } from './announce-link';
import { type LinkRejection, linkRejectionOf, rejected, type SettledLink } from './link-outcome';
import { type Changed, commitLinkChange, type LinkDeps } from './link-transaction';

/** Thrown to roll back the transaction, so that the request stays open. */
class LinkRejectedError extends Error {
  constructor(readonly rejection: LinkRejection) {
    super(rejection);
    this.name = 'LinkRejectedError';
  }
}

/** Returns why the request is no longer open. */
async function rejectionReason({ store }: LinkDeps, request: LinkRequestDoc, now: Date): Promise<LinkRejection> {
  const current = await store.linkRequests.byTokenHash(request.tokenHash);
  return current === null ? 'UNKNOWN' : (linkRejectionOf(current, now) ?? 'USED');
}

/**
 * Returns the rows of an existing link, so that they are cached again. The call that created the link may not have
 * updated the cache yet, and no caller may report a link before every reader sees it.
 */
async function alreadyLinked(
  { store }: LinkDeps,
  { tenant, userRef }: LinkRequestDoc,
  identity: IdentityRef,
  session: StoreSession,
): Promise<{ outcome: 'ALREADY_LINKED'; changed: Changed }> {
  const user = await store.users.get(tenant, userRef, session);
  const membership = await store.memberships.get(identity, session);
  return {
    outcome: 'ALREADY_LINKED',
    changed: { users: user ? [user] : [], memberships: membership ? [membership] : [], deliveryIds: [] },
  };
}

function identityDeleted(): PublicError {
  return new PublicError('FORM_REFUSED', 'Your MIR account was deleted in the meantime, so nothing was connected.');
}

async function link(
  deps: LinkDeps,
  request: LinkRequestDoc,
  identityId: IdentityId,
  auditContext: AuditContext,
  session: StoreSession,
): Promise<{ outcome: 'LINKED' | 'ALREADY_LINKED'; changed?: Changed }> {
  const { store } = deps;
  const { tenant, userRef, _id: requestId } = request;
  const identity = identityRefOf(identityId, envOf(tenant));
  await store.users.lock([request], session);
  const before = await store.linkRequests.end(requestId, 'USED', identityId, auditContext.at, session);
  if (!before) throw new LinkRejectedError(await rejectionReason(deps, request, auditContext.at));
  // The person may have deleted their MIR account in another tab since opening this page.
  if (!(await store.identities.lock(identityId, session))) throw identityDeleted();
  const partner = await store.partners.get(partnerOf(tenant));
  if (!partner || partner.suspended) throw new LinkRejectedError('PARTNER_UNAVAILABLE');
  const user = await store.users.get(tenant, userRef, session);
  if (user?.identity === identity) return alreadyLinked(deps, request, identity, session);
  if (user?.identity) throw new LinkRejectedError('LINKED_ELSEWHERE');
  const membership = await store.memberships.get(identity, session);
  if ((membership?.members.length ?? 0) >= MAX_LINKS_PER_IDENTITY) throw new LinkRejectedError('TOO_MANY_LINKS');

  const account: LinkedAccount = {
    linkId: newId('lnk'),
    requestId,
    userRef,
    tenant,
    linkedAt: auditContext.at,
    ...(before.accountLabel === undefined ? {} : { accountLabel: before.accountLabel }),
  };
  const linked = { set: { identity, linkedAt: auditContext.at } };
  const users = [await store.users.change(tenant, userRef, linked, session)];
  const memberships = [await store.memberships.add(identity, account, session)];
  const { linkId } = account;
  const facts = { partnerId: partner._id, tenant, action: 'link.confirmed', target: linkId, after: { requestId } };
  await store.audit.append(auditEntry(auditContext, facts), session);
  const deliveryIds = await announceLink(deps, 'link.confirmed', account, { at: auditContext.at }, session);
  return { outcome: 'LINKED', changed: { users, memberships, deliveryIds } };
}

/**
 * Confirms a request: marks it as used and links the account, in one transaction. If several calls run concurrently,
 * exactly one succeeds. On return, every reader sees the new signals, unless `cacheState` is `pending`.
 */
export async function confirmLink(
  deps: LinkDeps,
  request: LinkRequestDoc,
  identityId: IdentityId,
  auditContext: AuditContext,
): Promise<SettledLink> {
  try {
    const { outcome, cacheState } = await commitLinkChange(deps, (session) =>
      link(deps, request, identityId, auditContext, session),
    );
    return { kind: outcome, cacheState };
  } catch (error) {
    if (!(error instanceof LinkRejectedError)) throw error;
    if (error.rejection === 'USED') {
      const current = await deps.store.linkRequests.byTokenHash(request.tokenHash);
      const linked = current && (await existingLinkOf(deps, current, identityId));
      if (linked) return linked;
    }
    return rejected(error.rejection);
  }
}

/**
 * Returns the outcome of a used request for the person who used it, perhaps in another tab or long ago. Returns null
 * for anyone else, or if the account is no longer linked to that person.
 */
export async function existingLinkOf(
  deps: LinkDeps,
  request: LinkRequestDoc,
  identityId: IdentityId,
): Promise<SettledLink | null> {
  if (request.usedBy !== identityId) return null;
  const identity = identityRefOf(identityId, envOf(request.tenant));
  const { outcome, cacheState } = await commitLinkChange(deps, async (session) => {
    const user = await deps.store.users.get(request.tenant, request.userRef, session);
    return user?.identity === identity ? alreadyLinked(deps, request, identity, session) : { outcome: null };
  });
  return outcome === null ? null : { kind: outcome, cacheState };
}

/** Declines a request permanently. Returns `DECLINED`, or the reason why the request was no longer open. */
export async function declineLink(
  deps: LinkDeps,
  request: LinkRequestDoc,
  identityId: IdentityId,
  auditContext: AuditContext,
): Promise<SettledLink> {
  const { store } = deps;
  const { tenant, _id: target } = request;
  const { outcome } = await commitLinkChange(deps, async (session) => {
    const before = await store.linkRequests.end(target, 'DECLINED', identityId, auditContext.at, session);
    if (!before) return { outcome: false };
    const facts = { partnerId: partnerOf(tenant), tenant, action: 'link.declined', target };
    await store.audit.append(auditEntry(auditContext, facts), session);
    return { outcome: true };
  });
  return outcome ? { kind: 'DECLINED' } : rejected(await rejectionReason(deps, request, auditContext.at));
}
