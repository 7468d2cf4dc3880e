import { partnerOf, type Tenant } from '../../shared/domain/ids';
import type { ReceiverDoc } from '../../shared/store/receivers';
import type { Store, StoreSession } from '../../shared/store/store';
import { type AuditContext, auditEntry } from '../db/audit-context';

/**
 * Records a change of a receiver in the transaction that makes it. Of the URL, the entry contains only the host, because
 * paths and queries can contain secrets.
 */
export async function appendReceiverEntry(
  { store }: { store: Pick<Store, 'audit'> },
  tenant: Tenant,
  auditContext: AuditContext,
  action: 'receiver.created' | 'receiver.removed',
  { _id, url, format }: Pick<ReceiverDoc, '_id' | 'url' | 'format'>,
  session: StoreSession,
): Promise<void> {
  const after = { host: new URL(url).host, format };
  const facts = { partnerId: partnerOf(tenant), tenant, action, target: _id, after };
  await store.audit.append(auditEntry(auditContext, facts), session);
}
