import { Webhook } from 'standardwebhooks';
import { decryptSecret } from '../../shared/domain/encrypted-secret';
import type { Secrets } from '../../shared/domain/subject';
import type { DeliveryDoc } from '../../shared/store/deliveries';
import type { WebhookDoc } from '../../shared/store/webhooks';
import type { WebhookMessage } from './post-webhook';

const MS_PER_SECOND = 1_000;

/**
 * Returns the request that delivers a message, signed according to Standard Webhooks. Until the overlap of a rotation
 * ends, also contains a signature with the previous secret.
 */
export function signMessage(
  secrets: Pick<Secrets, 'webhook'>,
  { _id: endpointId, url, sealedSecret, previousSecrets = [] }: WebhookDoc,
  { _id, messageId = _id, body }: Pick<DeliveryDoc, '_id' | 'messageId' | 'body'>,
  now: Date,
): WebhookMessage {
  const previous = previousSecrets.filter(({ validUntil }) => validUntil > now).toReversed();
  const signatures = [{ sealedSecret }, ...previous].map((one) =>
    new Webhook(decryptSecret(secrets.webhook, endpointId, one.sealedSecret)).sign(messageId, now, body),
  );
  const headers = {
    'webhook-id': messageId,
    'webhook-timestamp': String(Math.floor(now.getTime() / MS_PER_SECOND)),
    'webhook-signature': signatures.join(' '),
    'user-agent': 'MIR-Webhooks/1',
  };
  return { url, body, headers };
}
