import { newId, partnerOf, type Tenant } from '../../shared/domain/ids';
import { webhookIdOf } from '../../shared/domain/webhook';
import type { Log } from '../../shared/log';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { Store } from '../../shared/store/store';
import type { WebhookDoc } from '../../shared/store/webhooks';

/** An endpoint at which every attempt failed for this long is disabled. */
export const DISABLED_AFTER_MS = 24 * 3_600_000;

/**
 * Disables an endpoint whose attempts have all failed for a day, and records that in the partner's audit log. Further
 * messages are kept, so that the partner can recover them. Does nothing if the endpoint has not failed for that long.
 */
export async function disableIfFailing(
  { store, log }: { store: Pick<Store, 'webhooks' | 'audit' | 'transaction'>; log: Log },
  tenant: Tenant,
  { _id, failingSince }: WebhookDoc,
  now: Date,
): Promise<void> {
  const failedSince = new Date(now.getTime() - DISABLED_AFTER_MS);
  if (failingSince === undefined || failingSince > failedSince) return;
  const disabled = await store.transaction(async (session) => {
    const after = await store.webhooks.disableFailing(_id, failedSince, session);
    if (after === null) return null;
    await store.audit.append(
      {
        _id: newId('aud'),
        chain: tenant,
        partnerId: partnerOf(tenant),
        action: 'webhook.disabled',
        target: webhookIdOf(_id),
        actor: { kind: 'SYSTEM' },
        reason: 'Every attempt to deliver a message failed for a day.',
        requestId: newId('req'),
        cascadeId: null,
        before: { enabled: true },
        after: { enabled: false, failingSince: after.failingSince ?? failingSince },
        at: now,
      },
      session,
    );
    return after;
  }, STORE_TIMEOUT_MS);
  if (disabled) log.warn({ webhookId: webhookIdOf(_id), tenant, failingSince }, 'webhook endpoint disabled');
}
