import { envOf, newId, partnerOf, type Tenant } from '../../shared/domain/ids';
import { webhookIdOf } from '../../shared/domain/webhook';
import type { Config } from '../../shared/config/config';
import type { Log } from '../../shared/log';
import { insertNotice, wakeUpMails } from '../../shared/mails/notify-partner';
import type { WakeUpQueue } from '../../shared/queue/wake-up-queue';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { Store } from '../../shared/store/store';
import type { WebhookDoc } from '../../shared/store/webhooks';

/** An endpoint at which every attempt failed for this long is disabled. */
export const DISABLED_AFTER_MS = 24 * 3_600_000;

export interface DisableDeps {
  store: Pick<Store, 'webhooks' | 'audit' | 'queuedMails' | 'members' | 'transaction'>;
  config: Pick<Config, 'mail'>;
  /** Null if email is off. */
  mailQueue: Pick<WakeUpQueue, 'add'> | null;
  log: Log;
}

/**
 * Disables an endpoint whose attempts have all failed for a day, records that in the partner's audit log, and notifies the
 * partner by email. Further messages are kept, so that the partner can recover them. Does nothing if the endpoint has not
 * failed for that long.
 */
export async function disableIfFailing(
  { store, log, config, mailQueue }: DisableDeps,
  tenant: Tenant,
  { _id, url, failingSince }: WebhookDoc,
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
    const facts = { environment: envOf(tenant), host: new URL(url).host };
    const notice = { partnerId: partnerOf(tenant), reason: 'WEBHOOK_DISABLED' as const, facts };
    return insertNotice({ store, mails: config.mail.kind }, notice, session);
  }, STORE_TIMEOUT_MS);
  if (disabled === null) return;
  if (mailQueue) await wakeUpMails({ mailQueue, log }, disabled);
  log.warn({ webhookId: webhookIdOf(_id), tenant, failingSince }, 'webhook endpoint disabled');
}
