import type { DueDelivery } from '../store/deliveries';
import type { WakeUpQueue } from '../queue/wake-up-queue';

/** Wakes up workers for new deliveries. Never rejects, because the rows serve as the outbox. */
export function wakeDeliveries(queue: Pick<WakeUpQueue, 'add'>, deliveryIds: readonly string[]): void {
  for (const id of deliveryIds) queue.add(id).catch(() => undefined);
}

/** Priority of wake-ups other than the first. Workers take wake-ups without a priority first. */
const RETRY_PRIORITY = 1;

/**
 * Identifies the next attempt of a delivery, so that adding its wake-up twice has no effect, while a wake-up from an
 * earlier round that is still delayed does not hide it.
 */
export function attemptKeyOf({ attempts, round = 0 }: Pick<DueDelivery, 'attempts' | 'round'>): string {
  return round === 0 ? String(attempts) : `${attempts}.${round}`;
}

/** Wakes up a worker for a delivery that waited: for its next attempt, or because it was restarted. */
export function wakeForAttempt(queue: Pick<WakeUpQueue, 'add'>, delivery: DueDelivery, delayMs = 0): Promise<void> {
  return queue.add(delivery._id, { attempt: attemptKeyOf(delivery), delayMs, priority: RETRY_PRIORITY });
}
