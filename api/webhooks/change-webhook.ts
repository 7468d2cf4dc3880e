import type { WebhookDoc } from '../../shared/store/webhooks';
import type { StoreSession } from '../../shared/store/store';
import { auditContextForCaller } from '../db/audit-context';
import { transaction } from '../db/transaction';
import type { Caller } from '../http/route';
import { appendWebhookEntry } from './audit-webhook';
import { findWebhook, webhookNotFound } from './find-webhook';
import type { WebhookDeps } from './webhook-url';

/** What to change, and what the audit entry says about it. */
interface WebhookDecision {
  set?: Partial<WebhookDoc>;
  unset?: readonly (keyof WebhookDoc)[];
  action: string;
  after: Record<string, unknown>;
}

/** Changes a tenant's endpoint in a transaction, and records the change. Throws 404 if it does not exist. */
export function changeWebhook(
  { store }: Pick<WebhookDeps, 'store'>,
  { caller, requestId, params }: { caller: Caller; requestId: string; params: { id: string } },
  decide: (webhook: WebhookDoc, now: Date, session: StoreSession) => WebhookDecision,
): Promise<WebhookDoc> {
  const { tenant } = caller;
  const auditContext = auditContextForCaller({ caller, requestId });
  return transaction({ store }, async (session) => {
    const before = await findWebhook({ store }, tenant, params.id, session);
    const { action, after, ...change } = decide(before, auditContext.at, session);
    const changed = await store.webhooks.change(before._id, change, session);
    if (!changed) throw webhookNotFound();
    await appendWebhookEntry({ store }, tenant, auditContext, action, before._id, after, session);
    return changed;
  });
}
