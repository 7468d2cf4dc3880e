import {
  type IdentityId,
  type IdentityRef,
  newId,
  partnerOf,
  type Tenant,
  type UserRef,
} from '../../shared/domain/ids';
import { utcDayOf } from '../../shared/domain/signals';
import { accountByLinkId, accountOf, type LinkedAccount, type MembershipDoc } from '../../shared/store/memberships';
import type { StoreSession } from '../../shared/store/store';
import type { UserDoc } from '../../shared/store/users';
import { type AuditContext, auditEntry } from '../db/audit-context';

import { announceLink, type RemovalReason } from './announce-link';
import { type Changed, commitLinkChange, type LinkDeps, type CacheState } from './link-transaction';

/** Long enough to remove all links of an identity in both environments, with a few writes per link. */
const REMOVE_ALL_TIMEOUT_MS = 20_000;

/**
 * Removes one link from the person's side, and adds its audit entry and webhook message. Returns null if there is no
 * such link.
 */
export async function dropMembership(
  deps: Pick<LinkDeps, 'store'>,
  identity: IdentityRef,
  { userRef, tenant }: { userRef: UserRef; tenant: Tenant },
  auditContext: AuditContext,
  reason: RemovalReason,
  session: StoreSession,
): Promise<{ membership: MembershipDoc; deliveryIds: string[] } | null> {
  const { store } = deps;
  const account = accountOf(await store.memberships.get(identity, session), userRef);
  if (!account) return null;
  const membership = await store.memberships.remove(identity, userRef, session);
  if (!membership) return null;
  const facts = { partnerId: partnerOf(tenant), tenant, action: 'link.removed', target: account.linkId, reason };
  await store.audit.append(auditEntry(auditContext, facts), session);
  const deliveryIds = await announceLink(deps, 'link.removed', account, { at: auditContext.at, reason }, session);
  return { membership, deliveryIds };
}

async function unlinkAccount(
  deps: Pick<LinkDeps, 'store'>,
  identity: IdentityRef,
  account: LinkedAccount,
  auditContext: AuditContext,
  reason: RemovalReason,
  session: StoreSession,
): Promise<Changed> {
  const { userRef, tenant } = account;
  const users: UserDoc[] = [];
  const user = await deps.store.users.get(tenant, userRef, session);
  if (user?.identity === identity) {
    users.push(await deps.store.users.change(tenant, userRef, { unset: ['identity', 'linkedAt'] }, session));
  }
  const dropped = await dropMembership(deps, identity, account, auditContext, reason, session);
  return { users, memberships: dropped ? [dropped.membership] : [], deliveryIds: dropped?.deliveryIds ?? [] };
}

/** Removes one of a person's links, and runs `also` in the same transaction. Returns null if they have no such link. */
export async function removeLink(
  deps: LinkDeps,
  identityId: IdentityId,
  linkId: string,
  auditContext: AuditContext,
  also: (session: StoreSession) => Promise<void> = () => Promise.resolve(),
): Promise<CacheState | null> {
  const { store } = deps;
  // A link never moves to another user, so it can be looked up before the transaction.
  const known = accountByLinkId(await store.memberships.ofIdentity(identityId), linkId);
  if (!known) return null;
  const { outcome, cacheState } = await commitLinkChange(deps, async (session) => {
    await store.users.lock([known.account], session);
    const found = accountByLinkId(await store.memberships.ofIdentity(identityId, session), linkId);
    if (!found) return { outcome: null };
    const changed = await unlinkAccount(deps, found.identity, found.account, auditContext, 'UNLINKED', session);
    await also(session);
    return { outcome: 'REMOVED', changed };
  });
  return outcome === null ? null : cacheState;
}

/**
 * Returns the audit context for one account of a deleted identity. A shared request ID or timestamp would permanently
 * reveal which accounts belonged together. Each account therefore gets its own request ID, and a time rounded down to
 * the day (but not earlier than the time when the account was linked).
 */
function separateContext(auditContext: AuditContext, { linkedAt }: LinkedAccount): AuditContext {
  const dayMs = utcDayOf(auditContext.at.getTime());
  return { ...auditContext, requestId: newId('req'), at: new Date(Math.max(dayMs, linkedAt.getTime())) };
}

/** Removes all links of a person and runs `also`, which deletes their other data, in the same transaction. */
export async function removeAllLinks(
  deps: LinkDeps,
  identityId: IdentityId,
  auditContext: AuditContext,
  also: (session: StoreSession) => Promise<void>,
): Promise<CacheState> {
  const { store } = deps;
  const known = await store.memberships.ofIdentity(identityId);
  const { cacheState } = await commitLinkChange(
    deps,
    async (session) => {
      await store.users.lock(
        known.flatMap(({ members }) => members),
        session,
      );
      const changed: Changed = { users: [], memberships: [], deliveryIds: [] };
      for (const { _id: identity, members } of await store.memberships.ofIdentity(identityId, session)) {
        for (const account of members) {
          const context = separateContext(auditContext, account);
          const removed = await unlinkAccount(deps, identity, account, context, 'IDENTITY_DELETED', session);
          changed.users.push(...removed.users);
          // Every removed link changes the same membership row, so only the row's last version is kept.
          if (removed.memberships.length > 0) {
            changed.memberships = [
              ...changed.memberships.filter(({ _id }) => _id !== identity),
              ...removed.memberships,
            ];
          }
          changed.deliveryIds.push(...removed.deliveryIds);
        }
        await store.memberships.drop(identity, session);
      }
      await store.linkRequests.dropOfIdentity(identityId, session);
      await also(session);
      return { outcome: null, changed };
    },
    REMOVE_ALL_TIMEOUT_MS,
  );
  return cacheState;
}
