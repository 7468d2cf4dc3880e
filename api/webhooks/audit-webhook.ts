import { partnerOf, type Tenant } from '../../shared/domain/ids';
import { webhookIdOf } from '../../shared/domain/webhook';
import type { Store, StoreSession } from '../../shared/store/store';
import type { WebhookDoc } from '../../shared/store/webhooks';
import { type AuditContext, auditEntry } from '../db/audit-context';

/**
 * Records a change of an endpoint in the transaction that makes it. Of a URL, the entry contains only the host, because
 * paths and queries can contain secrets.
 */
export async function appendWebhookEntry(
  { store }: { store: Pick<Store, 'audit'> },
  tenant: Tenant,
  auditContext: AuditContext,
  action: string,
  endpointId: string,
  after: Partial<Pick<WebhookDoc, 'url' | 'types'>> & Record<string, unknown>,
  session: StoreSession,
): Promise<void> {
  const { url, ...rest } = after;
  const recorded = { ...(url !== undefined && { host: new URL(url).host }), ...rest };
  const facts = { partnerId: partnerOf(tenant), tenant, action, target: webhookIdOf(endpointId), after: recorded };
  await store.audit.append(auditEntry(auditContext, facts), session);
}
