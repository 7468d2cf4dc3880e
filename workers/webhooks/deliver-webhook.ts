import { Webhook } from 'standardwebhooks';
import { createSemaphore, type Semaphore } from '../../shared/concurrency/semaphore';
import { decryptSecret } from '../../shared/domain/encrypted-secret';
import type { Runtime } from '../../shared/runtime';
import type { WakeUpQueue } from '../../shared/queue/wake-up-queue';
import type { DeliveryDoc } from '../../shared/store/webhooks';
import { postWebhook } from './post-webhook';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** Retry delays that Standard Webhooks recommends. After the last retry, the message is marked FAILED. */
export const RETRY_AFTER_MS = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
];
/**
 * Limits concurrent deliveries per tenant in each process, so that an unresponsive server cannot occupy all worker
 * slots.
 */
export const MAX_IN_FLIGHT_PER_TENANT = 32;
/** Delay before the sweep retries a message that did not get a permit. */
const PUT_OFF_MS = 5 * SECOND_MS;
/** Grace period during which the sweep leaves a retry to its own delayed job. */
const SWEEP_SLACK_MS = MINUTE_MS;

/** Thrown when no permit is free. Waiting for a permit would occupy a worker slot. */
class NoPermitError extends Error {}

/** Creates the permits that all deliveries of a process share, counted per tenant. */
export function createDeliveryPermits(): Semaphore {
  return createSemaphore({ maxAtOnce: MAX_IN_FLIGHT_PER_TENANT, maxWaiting: 0, onFull: () => new NoPermitError() });
}

type Deps = Pick<Runtime, 'store' | 'secrets' | 'config' | 'log'> & {
  queue: WakeUpQueue;
  signal: AbortSignal;
  /** Limits concurrent deliveries per tenant; see `createDeliveryPermits`. */
  permits: Semaphore;
};

async function send({ store, secrets, config, signal }: Deps, delivery: DeliveryDoc, now: Date): Promise<number> {
  const webhook = await store.webhooks.get(delivery.tenant);
  if (!webhook) throw new Error('webhook endpoint removed');
  const signer = new Webhook(decryptSecret(secrets.webhook, delivery.tenant, webhook.sealedSecret));
  const headers = {
    'webhook-id': delivery._id,
    'webhook-timestamp': String(Math.floor(now.getTime() / SECOND_MS)),
    'webhook-signature': signer.sign(delivery._id, now, delivery.body),
    'user-agent': 'MIR-Webhooks/1',
  };
  const message = { url: webhook.url, body: delivery.body, headers };
  return postWebhook(message, { allowPrivate: config.webhooksToPrivateAddresses, signal });
}

/** Returns an error's code or name, neither of which reveals an address or content. */
function outcomeOf(error: unknown): string {
  const { code, name } = error as { code?: string; name?: string };
  return code ?? name ?? 'ERROR';
}

/**
 * Sends one message. A 2xx response completes the delivery; otherwise, the message is retried for about a day. If the
 * process dies midway, the row stays OPEN and the message is sent again (at-least-once delivery). If no permit is free,
 * the message is left to the sweep.
 */
export async function deliverWebhook(deps: Deps, deliveryId: string): Promise<void> {
  const { store, queue, log, signal, permits } = deps;
  const delivery = await store.deliveries.byId(deliveryId);
  if (!delivery || delivery.status !== 'OPEN') return;
  const now = new Date();
  let lastOutcome: string;
  try {
    const status = await permits.run(() => send(deps, delivery, now), delivery.tenant);
    lastOutcome = String(status);
    if (status >= 200 && status < 300) {
      await store.deliveries.tried(deliveryId, { status: 'DELIVERED', lastOutcome, nextLookAt: now });
      return;
    }
  } catch (error) {
    if (error instanceof NoPermitError) {
      await store.deliveries.putOff(deliveryId, new Date(now.getTime() + PUT_OFF_MS));
      return;
    }
    if (signal.aborted) throw error;
    lastOutcome = outcomeOf(error);
  }
  const attempt = delivery.attempts + 1;
  const delayMs = RETRY_AFTER_MS[attempt - 1];
  log.warn({ deliveryId, attempt, lastOutcome, last: delayMs === undefined }, 'webhook delivery failed');
  if (delayMs === undefined) {
    await store.deliveries.tried(deliveryId, { status: 'FAILED', lastOutcome, nextLookAt: now });
    return;
  }
  const nextLookAt = new Date(now.getTime() + delayMs + SWEEP_SLACK_MS);
  await store.deliveries.tried(deliveryId, { status: 'OPEN', lastOutcome, nextLookAt });
  await queue.add(deliveryId, { attempt, delayMs });
}
