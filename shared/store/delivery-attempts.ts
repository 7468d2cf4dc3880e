import { randomUUID } from 'node:crypto';
import type { Model } from 'mongoose';
import {
  type Attempt,
  type DeliveryDoc,
  type DeliveryRef,
  type DueDelivery,
  MAX_LOGGED_ATTEMPTS,
  notLeased,
  UNFINISHED,
} from './deliveries';

/** An attempt to record, with the status that it leads to. */
export interface AttemptRecord {
  delivery: DeliveryRef;
  attempt: Attempt;
  outcome: Pick<DeliveryDoc, 'status' | 'nextLookAt'>;
}

/** Queries of the workers that attempt deliveries. Many deliveries share an operation, which takes as long as for one. */
export function deliveryAttempts(model: Model<DeliveryDoc>) {
  const of = (deliveries: readonly DeliveryRef[]) => ({
    _id: { $in: deliveries.map(({ _id }) => _id) },
    tenant: { $in: [...new Set(deliveries.map(({ tenant }) => tenant))] },
  });
  return {
    /** Returns deliveries by ID. Leaves out those that do not exist. */
    async byIds(ids: readonly string[]): Promise<Map<string, DeliveryDoc>> {
      const found = await model.find({ _id: { $in: [...ids] } }).lean<DeliveryDoc[]>();
      return new Map(found.map((delivery) => [delivery._id, delivery]));
    },

    /** Returns unfinished deliveries that became due after `after`, longest overdue first. */
    async due(after: Date, now: Date, limit: number): Promise<DueDelivery[]> {
      return model
        .find(
          { status: { $in: UNFINISHED }, nextLookAt: { $gt: after, $lte: now } },
          { attempts: 1, round: 1, nextLookAt: 1 },
        )
        .sort({ nextLookAt: 1 })
        .limit(limit)
        .lean<DueDelivery[]>();
    },

    /** Returns the earliest due time of an unfinished delivery, which may be in the past, or null if there is none. */
    async nextDueAt(): Promise<Date | null> {
      const next = await model
        .findOne({ status: { $in: UNFINISHED } }, { nextLookAt: 1 })
        .sort({ nextLookAt: 1 })
        .lean<Pick<DeliveryDoc, 'nextLookAt'>>();
      return next?.nextLookAt ?? null;
    },

    /** Postpones an unfinished delivery to a later sweep without counting an attempt. */
    async putOff({ _id, tenant }: DeliveryRef, nextLookAt: Date): Promise<void> {
      await model.updateOne({ _id, tenant, status: { $in: UNFINISHED } }, { $set: { nextLookAt } });
    },

    /**
     * Takes deliveries for one attempt each. Returns the IDs of those that it has taken: not those that are finished, or
     * that another worker is sending.
     */
    async lease(deliveries: readonly DeliveryRef[], now: Date, until: Date): Promise<Set<string>> {
      const leaseId = randomUUID();
      const { matchedCount } = await model.updateMany(
        { ...of(deliveries), status: { $in: UNFINISHED }, ...notLeased(now) },
        { $set: { leaseUntil: until, leaseId, nextLookAt: until } },
      );
      if (matchedCount === deliveries.length) return new Set(deliveries.map(({ _id }) => _id));
      const leased = await model.find({ ...of(deliveries), leaseId }, { _id: 1 }).lean<{ _id: string }[]>();
      return new Set(leased.map(({ _id }) => _id));
    },

    /** Records each attempt once, even if the call is repeated, or if the delivery was finished in the meantime. */
    async recordAttempts(records: readonly AttemptRecord[]): Promise<void> {
      const write = ({ delivery: { _id, tenant }, attempt, outcome }: AttemptRecord, isUnfinished: boolean) => ({
        updateOne: {
          filter: {
            _id,
            tenant,
            'attemptLog.at': { $ne: attempt.at },
            ...(isUnfinished && { status: { $in: UNFINISHED } }),
          },
          update: {
            ...(isUnfinished && { $set: outcome }),
            $push: { attemptLog: { $each: [attempt], $slice: -MAX_LOGGED_ATTEMPTS } },
            $inc: { attempts: 1 },
            $unset: { leaseUntil: 1 as const },
          },
        },
      });
      const { matchedCount } = await model.bulkWrite(records.map((record) => write(record, true)));
      // The others were finished in the meantime, or recorded by an earlier call.
      if (matchedCount < records.length) await model.bulkWrite(records.map((record) => write(record, false)));
    },

    /** Keeps an unfinished delivery without attempting it any further. */
    async skip({ _id, tenant }: DeliveryRef): Promise<void> {
      await model.updateOne({ _id, tenant, status: { $in: UNFINISHED } }, { $set: { status: 'SKIPPED' } });
    },

    async drop({ _id, tenant }: DeliveryRef): Promise<void> {
      await model.deleteOne({ _id, tenant });
    },
  };
}
