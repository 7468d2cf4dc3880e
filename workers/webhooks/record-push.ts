import { retryUntilAborted } from '../../shared/concurrency/retry';
import { isAcknowledged } from '../../shared/domain/receiver';
import type { Log } from '../../shared/log';
import type { Attempt, DeliveryDoc } from '../../shared/store/deliveries';
import type { PushError, ReceiverDoc } from '../../shared/store/receivers';
import type { Store } from '../../shared/store/store';

interface Deps {
  store: Pick<Store, 'webhooks' | 'cascades'>;
  log: Log;
  signal: AbortSignal;
}

/** Returns how the receiver and the kill report show a failed attempt. */
const errorOf = ({ at, responseCode, error }: Attempt): PushError => ({
  at,
  code: responseCode === null ? (error ?? 'CONNECTION_FAILED') : `HTTP_${responseCode}`,
});

/**
 * Records an attempt to push to a receiver: in the receiver and, if it pushed a kill, in the report of the kill. Waits
 * out an outage of MongoDB, so that no acknowledgement is lost. Safe to repeat.
 */
export async function recordPush(
  { store: { webhooks, cascades }, log, signal }: Deps,
  { _id: receiverId, format }: ReceiverDoc,
  { tenant, cascadeId }: Pick<DeliveryDoc, 'tenant' | 'cascadeId'>,
  attempt: Attempt,
): Promise<void> {
  const record = async (): Promise<void> => {
    if (isAcknowledged(attempt.responseCode, format)) {
      const at = new Date(attempt.at.getTime() + attempt.durationMs);
      if (cascadeId) await cascades.recordAcknowledgement(tenant, cascadeId, receiverId, at);
      await webhooks.recordAcknowledgement(receiverId, at);
      return;
    }
    const lastError = errorOf(attempt);
    if (cascadeId) await cascades.recordPushError(tenant, cascadeId, receiverId, lastError);
    await webhooks.recordPushError(receiverId, lastError);
  };
  await retryUntilAborted(record, { what: 'push', log, signal });
}
