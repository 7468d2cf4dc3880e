import { createSemaphore } from '../../shared/concurrency/semaphore';
import type { WebhookDoc } from '../../shared/store/webhooks';

/** Maximum number of concurrent deliveries per endpoint in each process. */
export const MAX_IN_FLIGHT_PER_ENDPOINT = 16;
/** The same for an endpoint that has been failing for `THROTTLED_AFTER_MS`. */
const MAX_IN_FLIGHT_FAILING = 4;
/** Maximum number of concurrent deliveries to all failing endpoints in each process, so that others have free slots. */
const MAX_IN_FLIGHT_ALL_FAILING = 64;
/** An endpoint that fails for longer than this gets fewer concurrent deliveries. */
const THROTTLED_AFTER_MS = 5_000;

class NoPermitError extends Error {}

/** Limits the concurrent deliveries of one process, so that slow or failing endpoints do not delay others. */
export interface DeliveryPermits {
  /** Returns a function that releases the permit, or null if none is free. Never waits, which would occupy a slot. */
  take(webhook: Pick<WebhookDoc, '_id' | 'failingSince'>, now: Date): Promise<(() => void) | null>;
}

/** Returns whether an endpoint has been failing for so long that its deliveries are throttled. */
export function isThrottled({ failingSince }: Pick<WebhookDoc, 'failingSince'>, now: Date): boolean {
  return failingSince !== undefined && now.getTime() - failingSince.getTime() >= THROTTLED_AFTER_MS;
}

/** Creates the permits that all deliveries of a process share. */
export function createDeliveryPermits(): DeliveryPermits {
  const limit = (maxAtOnce: number) => createSemaphore({ maxAtOnce, maxWaiting: 0, onFull: () => new NoPermitError() });
  const healthy = limit(MAX_IN_FLIGHT_PER_ENDPOINT);
  const failing = limit(MAX_IN_FLIGHT_FAILING);
  const allFailing = limit(MAX_IN_FLIGHT_ALL_FAILING);
  return {
    take: async (webhook, now) => {
      if (!isThrottled(webhook, now)) return healthy.acquire(webhook._id).catch(() => null);
      const release = await failing.acquire(webhook._id).catch(() => null);
      if (release === null) return null;
      const releaseShared = await allFailing.acquire().catch(() => null);
      if (releaseShared === null) {
        release();
        return null;
      }
      return () => {
        releaseShared();
        release();
      };
    },
  };
}
