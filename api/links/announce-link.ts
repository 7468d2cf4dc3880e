import { randomInt } from 'node:crypto';
import { newId, type Tenant, type UserRef } from '../../shared/domain/ids';
import type { LinkedAccount } from '../../shared/store/memberships';
import type { Store, StoreSession } from '../../shared/store/store';
import type { WebhookEventType } from '../../shared/store/webhooks';

const DELIVERY_RETENTION_MS = 30 * 24 * 3600 * 1000;
/** Delay before the sweep picks up a new message, so that the message's own job can deliver it first. */
const FIRST_SWEEP_AFTER_MS = 15_000;

/**
 * Each message about a deleted MIR account is sent after an independent random delay of up to this time. Otherwise,
 * partners that compare when they were notified could tell which of their users are the same person.
 */
export const MAX_DELETION_NOTICE_DELAY_MS = 24 * 3600 * 1000;

export type RemovalReason = 'UNLINKED' | 'IDENTITY_DELETED' | 'USER_ERASED';

/**
 * Inserts a webhook message in the link change's transaction, if the partner has an endpoint. Returns the IDs of the
 * messages to send immediately; the sweep sends the others when they are due. The body follows Standard Webhooks
 * (`type`, `timestamp`, `data`) and identifies the user by the `userRef` that invitation responses contain.
 */
export async function announceLink(
  { store }: { store: Pick<Store, 'webhooks' | 'deliveries'> },
  type: WebhookEventType,
  {
    tenant,
    userRef,
    linkId,
    requestId,
    linkedAt,
  }: Pick<LinkedAccount, 'linkId' | 'requestId' | 'linkedAt'> & {
    tenant: Tenant;
    userRef: UserRef;
  },
  { at, reason }: { at: Date; reason?: RemovalReason },
  session: StoreSession,
): Promise<string[]> {
  if ((await store.webhooks.get(tenant, session)) === null) return [];
  const data = { linkId, inviteId: requestId, userRef, linkedAt: linkedAt.toISOString() };
  const removal = reason === undefined ? {} : { removedAt: at.toISOString(), reason };
  const isDelayed = reason === 'IDENTITY_DELETED';
  const delayMs = isDelayed ? randomInt(FIRST_SWEEP_AFTER_MS, MAX_DELETION_NOTICE_DELAY_MS) : FIRST_SWEEP_AFTER_MS;
  const delivery = {
    _id: newId('msg'),
    tenant,
    userRef,
    type,
    body: JSON.stringify({ type, timestamp: at.toISOString(), data: { ...data, ...removal } }),
    status: 'OPEN' as const,
    attempts: 0,
    nextLookAt: new Date(Date.now() + delayMs),
    createdAt: at,
    expireAt: new Date(at.getTime() + DELIVERY_RETENTION_MS),
  };
  await store.deliveries.insert([delivery], session);
  return isDelayed ? [] : [delivery._id];
}
