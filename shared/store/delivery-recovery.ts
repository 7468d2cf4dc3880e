import type { Model } from 'mongoose';
import type { Tenant } from '../domain/ids';
import { type EndpointRef, MAX_OPEN_DELIVERIES } from '../domain/webhook';
import {
  type DeliveryDoc,
  type DeliveryStatus,
  type DueDelivery,
  notLeased,
  openStatusOf,
  to,
  UNFINISHED,
} from './deliveries';

/** How long before it becomes visible a message can have been created: a delay of a day, and a time rounded to the day. */
const MAX_BEFORE_VISIBLE_MS = 48 * 3_600_000;

/** Queries that send deliveries again on request. */
export function deliveryRecovery(model: Model<DeliveryDoc>) {
  return {
    /** Counts an endpoint's unfinished deliveries, up to the maximum. */
    async countUnfinished(tenant: Tenant, endpointId: EndpointRef): Promise<number> {
      const filter = { ...to(tenant, endpointId), status: { $in: UNFINISHED } };
      return model.countDocuments(filter, { limit: MAX_OPEN_DELIVERIES });
    },

    /**
     * Makes deliveries due now or when they may be visible, with all their retries ahead. Leaves out those that a worker is sending. A recovery sets
     * `recoveredAt`, and leaves out those that were delivered.
     */
    async restart(
      tenant: Tenant,
      endpointId: EndpointRef,
      ids: readonly string[],
      now: Date,
      recoveredAt?: Date,
    ): Promise<number> {
      const set = {
        status: openStatusOf(endpointId),
        nextLookAt: { $max: [now, '$visibleAt'] },
        retriesFrom: '$attempts',
        round: { $add: [{ $ifNull: ['$round', 0] }, 1] },
        ...(recoveredAt && { recoveredAt }),
      };
      const { matchedCount } = await model.updateMany(
        {
          _id: { $in: [...ids] },
          ...to(tenant, endpointId),
          ...(recoveredAt && { status: { $ne: 'DELIVERED' as const } }),
          ...notLeased(now),
        },
        [{ $set: set }],
        { updatePipeline: true },
      );
      return matchedCount;
    },

    /**
     * Returns deliveries, oldest first, that a recovery has not sent again yet: with `waiting`, those that wait for a
     * retry, and otherwise those that are no longer attempted.
     */
    async missed(
      tenant: Tenant,
      endpointId: EndpointRef,
      { since, until, now, waiting }: { since: Date; until: Date; now: Date; waiting: boolean },
      limit: number,
    ): Promise<DueDelivery[]> {
      return model
        .find(
          {
            ...to(tenant, endpointId),
            status: { $in: waiting ? UNFINISHED : (['FAILED', 'SKIPPED'] satisfies DeliveryStatus[]) },
            createdAt: { $gte: new Date(since.getTime() - MAX_BEFORE_VISIBLE_MS), $lte: until },
            ...(waiting && { attempts: { $gt: 0 } }),
            ...notLeased(now),
            $and: [
              // A message that became visible later was missed at that time.
              { $or: [{ visibleAt: { $exists: false }, createdAt: { $gte: since } }, { visibleAt: { $gte: since } }] },
              { $or: [{ recoveredAt: { $exists: false } }, { recoveredAt: { $lt: until } }] },
            ],
          },
          { attempts: 1, round: 1, nextLookAt: 1 },
        )
        .sort({ createdAt: 1, _id: 1 })
        .limit(limit)
        .lean<DueDelivery[]>();
    },
  };
}
