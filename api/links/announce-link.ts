import { randomInt } from 'node:crypto';
import type { Tenant, UserRef } from '../../shared/domain/ids';
import type { LinkedAccount } from '../../shared/store/memberships';
import type { Store, StoreSession } from '../../shared/store/store';
import { announce, FIRST_SWEEP_AFTER_MS } from '../../shared/webhooks/announce';

/**
 * Each message about a deleted MIR account is sent after an independent random delay of up to this time. Otherwise,
 * partners that compare when they were notified could tell which of their users are the same person.
 */
export const MAX_DELETION_NOTICE_DELAY_MS = 24 * 3600 * 1000;

export type RemovalReason = 'UNLINKED' | 'IDENTITY_DELETED' | 'USER_ERASED';

/**
 * Inserts a webhook message in the link change's transaction. Returns the IDs of the deliveries to send immediately; the
 * sweep sends the others when they are due. The message identifies the user by the `userRef` that invitation responses
 * contain.
 */
export function announceLink(
  deps: { store: Pick<Store, 'webhooks' | 'deliveries'> },
  type: 'link.confirmed' | 'link.removed',
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
  const link = { linkId, inviteId: requestId, userRef, linkedAt: linkedAt.toISOString() };
  const data = reason === undefined ? link : { ...link, removedAt: at.toISOString(), reason };
  const delay =
    reason === 'IDENTITY_DELETED' ? { delayMs: randomInt(FIRST_SWEEP_AFTER_MS, MAX_DELETION_NOTICE_DELAY_MS) } : {};
  return announce(deps, { tenant, type, data, at, userRef, ...delay }, session);
}
