import { DelayedError, type Job } from 'bullmq';
import { type WakeUpQueue, wakeUpIdOf } from '../../shared/queue/wake-up-queue';
import { isAcknowledged, pushRetryDelayMs } from '../../shared/domain/receiver';
import type { Runtime } from '../../shared/runtime';
import { type Attempt, type DeliveryDoc, isUnfinished } from '../../shared/store/deliveries';
import { isReceiver } from '../../shared/store/receivers';
import type { WebhookDoc } from '../../shared/store/webhooks';
import { attemptKeyOf, wakeForAttempt } from '../../shared/webhooks/wake-deliveries';
import type { DeliveryBatches } from './batch-deliveries';
import { buildEventToken } from './build-event-token';
import { type DeliveryPermits, isThrottled } from './delivery-permits';
import { type DisableDeps, disableIfFailing } from './disable-endpoint';
import { failureCodeOf } from './failure-code';
import { postWebhook } from './post-webhook';
import { recordPush } from './record-push';
import { signMessage } from './sign-message';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** Retry delays that Standard Webhooks recommends. After the last retry, the delivery is marked FAILED. */
export const RETRY_AFTER_MS = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
];
/** Delay before the sweep looks again at a delivery to a throttled endpoint that did not get a permit. */
const PUT_OFF_MS = MINUTE_MS;
/** Delays of a job that did not get a permit of an endpoint that works. Doubles with each try. */
const FIRST_WAIT_MS = 250;
const LAST_WAIT_MS = 5 * SECOND_MS;
/** Grace period during which the sweep leaves a retry to its own delayed job. */
const SWEEP_SLACK_MS = MINUTE_MS;

interface Deps extends Pick<Runtime, 'store' | 'secrets' | 'signer' | 'config' | 'log'> {
  mailQueue: DisableDeps['mailQueue'];
  metrics: Pick<Runtime['metrics'], 'webhookAttempts'>;
  queue: WakeUpQueue;
  signal: AbortSignal;
  permits: DeliveryPermits;
  batches: DeliveryBatches;
}

/** Makes one attempt. Never rejects, except when the process gives up waiting for its jobs. */
async function attemptDelivery(
  { secrets, signer, config, signal }: Deps,
  webhook: WebhookDoc,
  delivery: DeliveryDoc,
): Promise<Attempt> {
  const at = new Date();
  const startedAt = performance.now();
  const durationMs = (): number => Math.round(performance.now() - startedAt);
  try {
    const message =
      webhook.format === 'SET'
        ? await buildEventToken(signer, config.publicUrl, webhook.url, delivery)
        : signMessage(secrets, webhook, delivery, at);
    const responseCode = await postWebhook(message, { allowPrivate: config.webhooksToPrivateAddresses, signal });
    return { at, responseCode, durationMs: durationMs() };
  } catch (error) {
    if (signal.aborted) throw error;
    return { at, responseCode: null, durationMs: durationMs(), error: failureCodeOf(error) };
  }
}

/** Returns the delay before the next attempt, or undefined after the last one. */
function retryDelayMs({ attempts, retriesFrom = 0, format, createdAt }: DeliveryDoc, now: Date): number | undefined {
  if (format === undefined) return RETRY_AFTER_MS[attempts - retriesFrom];
  return pushRetryDelayMs(attempts, now.getTime() - createdAt.getTime()) ?? undefined;
}

/** Records a failed attempt and schedules the next one, if there is one. */
async function recordFailure(deps: Deps, webhook: WebhookDoc, delivery: DeliveryDoc, attempt: Attempt): Promise<void> {
  const { store, queue, log, metrics, batches } = deps;
  const { _id, tenant, attempts } = delivery;
  const now = new Date();
  const delayMs = retryDelayMs(delivery, now);
  const { responseCode, error } = attempt;
  const outcome = responseCode ?? error;
  log.warn({ deliveryId: _id, attempt: attempts + 1, outcome, last: delayMs === undefined }, 'webhook delivery failed');
  metrics.webhookAttempts[delayMs === undefined ? 'failed' : 'retried'].inc();
  if (isReceiver(webhook)) await recordPush(deps, webhook, delivery, attempt);
  if (delayMs === undefined)
    await batches.record({ delivery, attempt, outcome: { status: 'FAILED', nextLookAt: now } });
  else {
    const nextLookAt = new Date(now.getTime() + delayMs + SWEEP_SLACK_MS);
    await batches.record({ delivery, attempt, outcome: { status: delivery.status, nextLookAt } });
    await wakeForAttempt(queue, { ...delivery, attempts: attempts + 1 }, delayMs);
  }
  if (webhook.failingSince === undefined) await store.webhooks.recordFailure(webhook._id, attempt.at);
  // Receivers stay enabled: what they miss leaves access open.
  else if (!isReceiver(webhook)) await disableIfFailing(deps, tenant, webhook, now);
}

/** Leaves a delivery for later, because its endpoint has as many deliveries in flight as it may have. */
async function wait(
  { store }: Deps,
  webhook: WebhookDoc,
  delivery: DeliveryDoc,
  job: Job,
  token?: string,
): Promise<void> {
  const now = new Date();
  if (isThrottled(webhook, now)) {
    await store.deliveries.putOff(delivery, new Date(now.getTime() + PUT_OFF_MS));
    return;
  }
  const waitMs = Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.max(0, job.attemptsStarted - 1));
  await job.moveToDelayed(now.getTime() + waitMs, token);
  throw new DelayedError();
}

/**
 * Sends a message to one endpoint or receiver. A 2xx response completes the delivery, and 202 that of a Security Event
 * Token; otherwise, it is retried for about a day. If the process dies midway, the row stays unfinished and the message
 * is sent again (at-least-once delivery). Never waits for other deliveries to the endpoint, which would occupy one of
 * the worker's slots.
 */
export async function deliverWebhook(deps: Deps, deliveryId: string, job: Job, token?: string): Promise<void> {
  const { store, permits, metrics, batches } = deps;
  const delivery = await batches.delivery(deliveryId);
  if (!delivery || !isUnfinished(delivery)) return;
  const now = new Date();
  // A wake-up for an attempt that was made already, or of an earlier round.
  if (job.id !== wakeUpIdOf(deliveryId, attemptKeyOf(delivery))) return;
  if (delivery.visibleAt && delivery.visibleAt > now) return;
  const webhook = await batches.endpoint(delivery.endpointId ?? delivery.tenant);
  if (!webhook) return store.deliveries.drop(delivery);
  if (webhook.disabledAt) return store.deliveries.skip(delivery);
  const release = await permits.take(webhook, now);
  if (release === null) return wait(deps, webhook, delivery, job, token);
  try {
    if (!(await batches.lease(delivery))) return;
    const attempt = await attemptDelivery(deps, webhook, delivery);
    if (!isAcknowledged(attempt.responseCode, webhook.format)) {
      await recordFailure(deps, webhook, delivery, attempt);
      return;
    }
    // Before the delivery is finished, so that a crash in between repeats the push instead of losing its acknowledgement.
    if (isReceiver(webhook)) await recordPush(deps, webhook, delivery, attempt);
    await batches.record({ delivery, attempt, outcome: { status: 'DELIVERED', nextLookAt: attempt.at } });
    metrics.webhookAttempts.delivered.inc();
    if (webhook.failingSince) await store.webhooks.recordSuccess(webhook._id);
  } finally {
    release();
  }
}
