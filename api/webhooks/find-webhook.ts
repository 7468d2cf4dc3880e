import type { Tenant } from '../../shared/domain/ids';
import type { Store, StoreSession } from '../../shared/store/store';
import type { WebhookDoc } from '../../shared/store/webhooks';
import { PublicError } from '../http/public-error';

/** Returns 404 for an endpoint that does not exist or belongs to another tenant. */
export function webhookNotFound(): PublicError {
  return new PublicError('NOT_FOUND', 'Webhook endpoint not found. Check the ID and the environment.');
}

/** Returns a tenant's endpoint. Throws 404 if it does not exist. */
export async function findWebhook(
  { store }: { store: Pick<Store, 'webhooks'> },
  tenant: Tenant,
  webhookId: string,
  session?: StoreSession,
): Promise<WebhookDoc> {
  const webhook = await store.webhooks.find(tenant, webhookId, session);
  if (!webhook) throw webhookNotFound();
  return webhook;
}

/** Throws 409 for a disabled endpoint, to which MIR sends nothing. */
export function requireEnabled({ disabledAt }: WebhookDoc): void {
  if (disabledAt === undefined) return;
  throw new PublicError(
    'CONFLICT',
    'The webhook endpoint is disabled. Enable it with PATCH /v1/webhooks/:id and `{ "enabled": true }` first.',
  );
}
