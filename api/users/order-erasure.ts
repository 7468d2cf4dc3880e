import { envOf, newId, partnerOf, type Tenant, type UserRef } from '../../shared/domain/ids';
import { RECEIPT_RETENTION_MS } from '../../shared/domain/receipt';
import { MAX_WAKE_UP_PRIORITY } from '../../shared/queue/wake-up-queue';
import { overloaded } from '../../shared/errors';
import { advancePastErasure } from '../../shared/redis/clock';
import type { ErasureDoc } from '../../shared/store/erasures';
import { announce } from '../../shared/webhooks/announce';
import { type AuditContext, auditEntry } from '../db/audit-context';
import type { ApiContext } from '../context';
import { commitLinkChange, type LinkDeps, type CacheState } from '../links/link-transaction';
import { dropMembership } from '../links/remove-links';

type ErasureDeps = LinkDeps & Pick<ApiContext, 'erasureQueue' | 'queueLink' | 'keys'>;

/** Delay before the sweep picks up a new erasure, so that the erasure's wake-up job can start it first. */
const FIRST_SWEEP_AFTER_MS = 15_000;

function latest(first: Date, ...others: (Date | null | undefined)[]): Date {
  return others.reduce<Date>((max, time) => (time && time > max ? time : max), first);
}

/**
 * Queues an erasure behind those of tenants with fewer running erasures, so that one tenant's many erasures do not delay
 * another tenant's.
 */
async function wakeWorker({ store, erasureQueue }: ErasureDeps, { _id, tenant }: ErasureDoc): Promise<void> {
  const priority = await store.erasures.countRunning(tenant, MAX_WAKE_UP_PRIORITY);
  await erasureQueue.add(_id, { priority });
}

/**
 * Orders the erasure of a user. Once this resolves, the user is no longer linked and their events no longer count.
 * Readers see this immediately unless `cacheState` is `pending`. A worker then deletes the events. Events received
 * later start a new history. `askedAt` is a time from the partner's clock. Events committed after `askedAt` but before
 * this transaction are erased too, because they would otherwise be stored but never counted. A process that is about to
 * exit awaits `woken` first, so that a worker starts immediately.
 */
export async function orderErasure(
  deps: ErasureDeps,
  tenant: Tenant,
  userRef: UserRef,
  askedAt: Date,
  auditContext: AuditContext,
  reason?: string,
): Promise<{ erasure: ErasureDoc; cacheState: CacheState; woken: Promise<void> }> {
  const { store, queueLink, keys } = deps;
  const order = {
    _id: newId(`ers_${envOf(tenant)}`),
    tenant,
    userRef,
    status: 'RUNNING' as const,
    eventsErased: 0,
    nextLookAt: new Date(Date.now() + FIRST_SWEEP_AFTER_MS),
    expireAt: new Date(askedAt.getTime() + RECEIPT_RETENTION_MS),
  };
  const facts = { partnerId: partnerOf(tenant), tenant, action: 'user.erased', target: order._id, reason };
  const { outcome: erasure, cacheState } = await commitLinkChange(deps, async (session) => {
    await store.users.lock([{ tenant, userRef }], session);
    const before = await store.users.get(tenant, userRef, session);
    const newest = await store.events.newestReceivedAt(tenant, userRef, session);
    const erasedAt = latest(askedAt, newest, before?.erasedAt);
    // Before the commit: from then on, a worker may apply the erasure to events that are accepted afterward.
    await advancePastErasure(queueLink.client, keys, partnerOf(tenant), erasedAt).catch((error: unknown) => {
      throw overloaded('CLOCK_NOT_ADVANCED', 2, error);
    });
    await store.deliveries.dropOfUser(tenant, userRef, session);
    await store.linkRequests.dropOfUser(tenant, userRef, session);
    const dropped = before?.identity
      ? await dropMembership(deps, before.identity, { tenant, userRef }, auditContext, 'USER_ERASED', session)
      : null;
    const user = await store.users.change(
      tenant,
      userRef,
      { set: { erasedAt, eventCount: 0 }, unset: ['firstEventAt', 'lastEventAt', 'identity', 'linkedAt'] },
      session,
    );
    const ordered: ErasureDoc = { ...order, erasedAt };
    await store.erasures.insert(ordered, session);
    await store.audit.append(auditEntry(auditContext, facts), session);
    const memberships = dropped ? [dropped.membership] : [];
    const data = { receiptId: order._id };
    const announced = await announce(deps, { tenant, type: 'erasure.requested', data, at: auditContext.at }, session);
    const deliveryIds = [...(dropped?.deliveryIds ?? []), ...announced];
    return { outcome: ordered, changed: { users: [user], memberships, deliveryIds } };
  });
  // The job is only a wake-up. If it is lost, a sweep finds the row, which serves as the outbox entry.
  const woken = wakeWorker(deps, erasure).catch(() => undefined);
  return { erasure, cacheState, woken };
}
