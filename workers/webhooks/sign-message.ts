import { Webhook } from 'standardwebhooks';
import { decryptSecret } from '../../shared/domain/encrypted-secret';
import type { Secrets } from '../../shared/domain/subject';
import type { DeliveryDoc } from '../../shared/store/deliveries';
import type { WebhookDoc } from '../../shared/store/webhooks';
import type { WebhookMessage } from './post-webhook';

const MS_PER_SECOND = 1_000;
export const USER_AGENT = 'MIR-Webhooks/1';

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
  const secretsInUse = [sealedSecret!, ...previous.map((one) => one.sealedSecret)];
  const signatures = secretsInUse.map((sealed) =>
    new Webhook(decryptSecret(secrets.webhook, endpointId, sealed)).sign(messageId, now, body),
  );
  const headers = {
    'webhook-id': messageId,
    'webhook-timestamp': String(Math.floor(now.getTime() / MS_PER_SECOND)),
    'webhook-signature': signatures.join(' '),
    'user-agent': USER_AGENT,
  };
  return { url, body, headers };
}
