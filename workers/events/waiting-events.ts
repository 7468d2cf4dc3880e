import type { Tenant, UserRef } from '../../shared/domain/ids';
import { commitPartitionOf } from '../../shared/domain/partition';
import type { PendingEvent } from './pending';

/** A tenant's partition of users. No two concurrent commits contain events from the same partition. */
export type Partition = string;

function partitionOf(tenant: Tenant, userRef: UserRef): Partition {
  return `${tenant}:${commitPartitionOf(userRef)}`;
}

/** The events of one lane that are waiting to be committed, by partition. */
export interface WaitingEvents {
  add(pending: PendingEvent): void;
  /** Returns the free partitions, longest-waiting first, each with its number of waiting events. */
  ready(isBusy: (partition: Partition) => boolean, max: number): { partition: Partition; events: number }[];
  /** Removes and returns up to `max` of the events that are waiting for the partitions. */
  take(partitions: readonly Partition[], max: number): PendingEvent[];
  /** Removes and returns all events. */
  takeAll(): PendingEvent[];
}

export function createWaitingEvents(): WaitingEvents {
  const waiting = new Map<Partition, PendingEvent[]>();
  return {
    add(pending) {
      const partition = partitionOf(pending.of.chunk.tenant, pending.event.userRef);
      const events = waiting.get(partition);
      if (events) events.push(pending);
      else waiting.set(partition, [pending]);
    },
    ready(isBusy, max) {
      const free = [...waiting].filter(([partition]) => !isBusy(partition));
      // Of partitions that have waited equally long, the fullest come first, because they need the fewest locks.
      free.sort(([, a], [, b]) => a[0]!.of.sequence - b[0]!.of.sequence || b.length - a.length);
      return free.slice(0, max).map(([partition, events]) => ({ partition, events: events.length }));
    },
    take(partitions, max) {
      const group: PendingEvent[] = [];
      for (const partition of partitions) {
        const events = waiting.get(partition);
        if (!events) continue;
        const taken = events.splice(0, max - group.length);
        for (const pending of taken) group.push(pending);
        if (events.length === 0) waiting.delete(partition);
      }
      return group;
    },
    takeAll() {
      const all = [...waiting.values()].flat();
      waiting.clear();
      return all;
    },
  };
}
