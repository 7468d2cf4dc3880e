import { randomBytes } from 'node:crypto';
import { encryptSecret } from '../../shared/domain/encrypted-secret';
import type { Secrets } from '../../shared/domain/subject';
import type { WebhookDoc } from '../../shared/store/webhooks';

const SECRET_BYTES = 24;
/** Standard Webhooks format for a symmetric secret: `whsec_` followed by base64. */
const SECRET_PREFIX = 'whsec_';
/** Maximum number of replaced secrets that still sign messages. A further rotation ends the oldest. */
const MAX_PREVIOUS_SECRETS = 4;
const MS_PER_SECOND = 1_000;

/** Returns a new secret for an endpoint, and its encrypted form. */
export function newSecret(
  secrets: Pick<Secrets, 'webhook'>,
  endpointId: string,
): { secret: string; sealedSecret: string } {
  const secret = SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64');
  return { secret, sealedSecret: encryptSecret(secrets.webhook, endpointId, secret) };
}

/**
 * Returns the secrets that still sign messages after a rotation. As with API keys, a repeated rotation does not shorten
 * the overlap of earlier ones, and an overlap of 0 ends all of them.
 */
export function previousSecretsAfter(
  { sealedSecret, previousSecrets = [] }: WebhookDoc,
  overlapSeconds: number,
  now: Date,
): NonNullable<WebhookDoc['previousSecrets']> {
  if (overlapSeconds === 0) return [];
  const validUntil = new Date(now.getTime() + overlapSeconds * MS_PER_SECOND);
  const still = previousSecrets.filter((one) => one.validUntil > now);
  return [...still, { sealedSecret: sealedSecret!, validUntil }].slice(-MAX_PREVIOUS_SECRETS);
}
