import { type Coalesced, coalesceInTurn } from '../../shared/concurrency/coalesce';
import { retryUntilAborted } from '../../shared/concurrency/retry';
import type { Log } from '../../shared/log';
import type { DeliveryDoc, DeliveryRef } from '../../shared/store/deliveries';
import type { AttemptRecord } from '../../shared/store/delivery-attempts';
import type { Store } from '../../shared/store/store';
import type { WebhookDoc } from '../../shared/store/webhooks';

const MAX_PER_OPERATION = 256;
/** Longer than an attempt takes. */
const LEASE_MS = 30_000;

/** Operations on single deliveries, of which concurrent ones share a round trip to the database. */
export interface DeliveryBatches {
  delivery(id: string): Promise<DeliveryDoc | null>;
  endpoint(id: string): Promise<WebhookDoc | null>;
  /** Takes a delivery for one attempt. Returns false if it is finished or another worker is sending it. */
  lease(delivery: DeliveryRef): Promise<boolean>;
  /** Records an attempt. Waits out an outage of MongoDB, so that the log contains every attempt. */
  record(record: AttemptRecord): Promise<void>;
}

/** Creates the operations that all deliveries of a process share. */
export function createDeliveryBatches({
  store: { deliveries, webhooks },
  log,
  signal,
}: {
  store: Pick<Store, 'deliveries' | 'webhooks'>;
  log: Log;
  signal: AbortSignal;
}): DeliveryBatches {
  const batched = <Item, Result>(
    operation: (items: Item[]) => Promise<(item: Item) => Result>,
  ): ((item: Item) => Promise<Result>) =>
    coalesceInTurn(
      async (batch: Coalesced<Item, Result>[]) => {
        const resultOf = await operation(batch.map(({ item }) => item));
        batch.forEach(({ item, resolve }) => resolve(resultOf(item)));
      },
      { maxItems: MAX_PER_OPERATION },
    );
  return {
    delivery: batched(async (ids: string[]) => {
      const found = await deliveries.byIds(ids);
      return (id) => found.get(id) ?? null;
    }),
    endpoint: batched(async (ids: string[]) => {
      const found = await webhooks.byIds([...new Set(ids)]);
      return (id) => found.get(id) ?? null;
    }),
    lease: batched(async (refs: DeliveryRef[]) => {
      const now = new Date();
      const leased = await deliveries.lease(refs, now, new Date(now.getTime() + LEASE_MS));
      return ({ _id }) => leased.has(_id);
    }),
    record: batched(async (records: AttemptRecord[]) => {
      await retryUntilAborted(() => deliveries.recordAttempts(records), { what: 'attempts', log, signal });
      return () => undefined;
    }),
  };
}
