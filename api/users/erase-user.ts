import { z } from 'zod';
import { envOf, newId, partnerOf, type Tenant, type UserRef } from '../../shared/domain/ids';
import { userExternalIdSchema } from '../../shared/domain/event';
import { userRefOf } from '../../shared/domain/subject';
import { RECEIPT_RETENTION_MS } from '../../shared/domain/receipt';
import { MirError } from '../../shared/errors';
import type { ErasureDoc } from '../../shared/store/erasures';
import { type AuditContext, auditEntry, auditContextForCaller } from '../db/audit-context';
import type { ApiContext } from '../context';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { commitLinkChange, type LinkDeps, type CacheState } from '../links/link-transaction';
import { dropMembership } from '../links/remove-links';

/** The sweep leaves an order to its first job for this long. */
const FIRST_LOOK_AFTER_MS = 15_000;

const erasureSchema = z.object({
  receiptId: z.string(),
  status: z.enum(['RUNNING', 'DONE']),
  erasedAt: z.iso.datetime().describe('What was received up to this time is erased.'),
  eventsErased: z.int().describe('Stored events deleted so far; those still queued settle as ERASED.'),
  settledAt: z.iso.datetime().nullable(),
});

function presentErasure(doc: ErasureDoc): z.output<typeof erasureSchema> {
  const { _id, status, erasedAt, eventsErased, settledAt } = doc;
  return {
    receiptId: _id,
    status,
    erasedAt: erasedAt.toISOString(),
    eventsErased,
    settledAt: settledAt?.toISOString() ?? null,
  };
}

/** The latest of some times. */
function latest(first: Date, ...others: (Date | null | undefined)[]): Date {
  return others.reduce<Date>((so, time) => (time && time > so ? time : so), first);
}

/**
 * Orders that a user be erased: from the answer on nothing of it is counted or linked, and shown only while the
 * visibility is `pending`; its events are deleted by a worker. What is received later starts anew. `askedAt` is the
 * queue store's time; what was committed while the order was on its way is erased too, else it would be stored and not
 * counted.
 */
export async function orderErasure(
  deps: LinkDeps & Pick<ApiContext, 'erasureQueue'>,
  tenant: Tenant,
  userRef: UserRef,
  askedAt: Date,
  auditContext: AuditContext,
): Promise<{ erasure: ErasureDoc; cacheState: CacheState }> {
  const { store } = deps;
  const order = {
    _id: newId(`ers_${envOf(tenant)}`),
    tenant,
    userRef,
    status: 'RUNNING' as const,
    eventsErased: 0,
    nextLookAt: new Date(Date.now() + FIRST_LOOK_AFTER_MS),
    expireAt: new Date(askedAt.getTime() + RECEIPT_RETENTION_MS),
  };
  const facts = { partnerId: partnerOf(tenant), tenant, action: 'user.erased', target: order._id };
  const { outcome: erasure, cacheState } = await commitLinkChange(deps, async (session) => {
    await store.users.lock([{ tenant, userRef }], session);
    const before = await store.users.get(tenant, userRef, session);
    const newest = await store.events.newestReceivedAt(tenant, userRef, session);
    const erasedAt = latest(askedAt, newest, before?.erasedAt);
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
    return { outcome: ordered, changed: { users: [user], memberships, deliveryIds: dropped?.deliveryIds ?? [] } };
  });
  // A hint: the row is the outbox.
  deps.erasureQueue.add(erasure._id).catch(() => undefined);
  return { erasure, cacheState };
}

/** `POST /users/erase`. */
const erase = route({
  method: 'POST',
  path: '/users/erase',
  auth: { kind: 'key', scope: 'users:erase', availableWithoutRedis: false, budget: 'control' },
  tag: 'Users',
  summary: 'Erase a user of yours',
  description:
    'Deletes its events, totals and link, also what is accepted but still queued (it settles as ERASED). Events that ' +
    'you submit later start a new history. The keyed hash of the user id stays with the time of the erasure; the audit ' +
    'entry does not name the user. Backups made before still hold the events.',
  query: noQuery,
  body: z.strictObject({ userExternalId: userExternalIdSchema }),
  answers: {
    202: {
      description:
        'Nothing of the user is counted from now on; the events are being deleted. At DONE none is stored or queued',
      schema: erasureSchema,
    },
  },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, caller, requestId, body: { userExternalId } }) => {
    const { tenant, admission } = caller;
    const userRef = userRefOf(ctx.secrets.subject, tenant, userExternalId);
    const askedAt = new Date(admission.nowMs ?? Date.now());
    const auditContext = auditContextForCaller({ caller, requestId });
    const { erasure } = await orderErasure(ctx, tenant, userRef, askedAt, auditContext);
    return { status: 202, body: presentErasure(erasure) };
  },
});

/** `GET /users/erase/:receiptId`. */
const getErasure = route({
  method: 'GET',
  path: '/users/erase/:receiptId',
  auth: { kind: 'key', scope: 'users:erase', availableWithoutRedis: true },
  tag: 'Users',
  summary: 'How far an erasure is',
  params: z.object({ receiptId: z.string().max(100) }),
  answers: { 200: { description: 'Its receipt; kept for 30 days', schema: erasureSchema } },
  problems: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx: { store }, caller: { tenant }, params: { receiptId } }) => {
    const erasure = await store.erasures.get(tenant, receiptId);
    if (!erasure) throw new MirError('NOT_FOUND', 'No such receipt, or it is older than 30 days.');
    return { status: 200, body: presentErasure(erasure) };
  },
});

export const ERASE_ROUTES = [erase, getErasure];
