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
/** Waits between tries, as Standard Webhooks proposes; after the last one the message is given up. */
export const RETRY_AFTER_MS = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
];
/** Messages of one tenant on their way from one process: a server that never answers must not hold all places. */
export const MAX_IN_FLIGHT_PER_TENANT = 32;
/** So long later the sweep takes up what found no place. */
const PUT_OFF_MS = 5 * SECOND_MS;
/** The sweep leaves a retry to its own delayed job for this long. */
const SWEEP_SLACK_MS = MINUTE_MS;

/** Thrown instead of waiting: a job that waits would hold a place of the worker. */
class NoPermitError extends Error {}

/** The permits that all deliveries of a process share, by tenant. */
export function createDeliveryPermits(): Semaphore {
  return createSemaphore({ maxAtOnce: MAX_IN_FLIGHT_PER_TENANT, maxWaiting: 0, onFull: () => new NoPermitError() });
}

type Deps = Pick<Runtime, 'store' | 'secrets' | 'config' | 'log'> & {
  queue: WakeUpQueue;
  signal: AbortSignal;
  /** Bounds each tenant's messages on their way from this process; see `createDeliveryPermits`. */
  permits: Semaphore;
};

async function send({ store, secrets, config, signal }: Deps, delivery: DeliveryDoc, now: Date): Promise<number> {
  const webhook = await store.webhooks.get(delivery.tenant);
  if (!webhook) throw new Error('the webhook was removed');
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

/** How a try ended, in a word that tells neither address nor content. */
function outcomeOf(error: unknown): string {
  const { code, name } = error as { code?: string; name?: string };
  return code ?? name ?? 'ERROR';
}

/**
 * Sends one message. A 2xx ends it; anything else is tried again later, up to a day in all. A process that dies on the
 * way leaves the row OPEN, so it is sent again: at least once. What finds no place is left to the sweep.
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
  log.warn({ deliveryId, attempt, lastOutcome, last: delayMs === undefined }, 'a webhook was not delivered');
  if (delayMs === undefined) {
    await store.deliveries.tried(deliveryId, { status: 'FAILED', lastOutcome, nextLookAt: now });
    return;
  }
  const nextLookAt = new Date(now.getTime() + delayMs + SWEEP_SLACK_MS);
  await store.deliveries.tried(deliveryId, { status: 'OPEN', lastOutcome, nextLookAt });
  await queue.add(deliveryId, { attempt, delayMs });
}
