import { webhookUrlProblem } from '../../shared/domain/webhook-url';
import type { ApiContext } from '../context';
import { PublicError } from '../http/public-error';

export type WebhookDeps = Pick<ApiContext, 'store' | 'secrets' | 'config'>;

/** Throws 422 for a URL that can never receive messages. Deliveries apply the same rule. */
export function requireSendableUrl(text: string, allowPrivate: boolean): void {
  const message = webhookUrlProblem(new URL(text), { allowPrivate });
  if (message === null) return;
  const code = 'WEBHOOK_URL_NOT_ALLOWED';
  throw new PublicError(code, message, { errors: [{ path: 'url', code, message }] });
}
