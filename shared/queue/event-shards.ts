import { MAX_EVENT_SHARDS } from '../config/settings';
import type { RedisLink } from '../redis/link';
import type { RedisKeys } from '../redis/keys';
import { queueKeys } from './bullmq-internals';
import { EVENT_QUEUES, type EventQueueName } from './event-chunk';

/** An event queue: one lane of one shard. */
export interface ShardQueue {
  queue: EventQueueName;
  shard: number;
}

function keysOf(keys: RedisKeys, { queue, shard }: ShardQueue): string[] {
  const { waiting, prioritized, active, delayed, failed } = queueKeys(keys, queue, shard);
  const ledger = queue === EVENT_QUEUES.interactive.name ? [keys.reservations(shard)] : [];
  return [waiting, prioritized, active, delayed, failed, ...ledger];
}

const EVENT_QUEUE_NAMES: ReadonlySet<string> = new Set(Object.values(EVENT_QUEUES).map(({ name }) => name));

/** Returns the shards of a queue: `eventShards` for an event queue, and one shard for any other. */
export function shardsOf(queue: string, eventShards: readonly number[]): readonly number[] {
  return EVENT_QUEUE_NAMES.has(queue) ? eventShards : [0];
}

/** Returns the event queues of some shards. */
export function shardQueues(shards: readonly number[]): ShardQueue[] {
  return shards.flatMap((shard) => Object.values(EVENT_QUEUES).map(({ name }) => ({ queue: name, shard })));
}

/** Returns the shards that new events are spread over. */
export function currentShards(keys: RedisKeys): number[] {
  return Array.from({ length: keys.eventShards }, (_, shard) => shard);
}

/**
 * Returns the current shards and all others that have jobs, dead letters or reservations. Others have some after the
 * number of shards was reduced, and while processes run with different settings. Rejects unless all of them can be read:
 * a chunk must not appear to have no job because its shard was unknown.
 */
export async function findEventShards({ client }: Pick<RedisLink, 'client'>, keys: RedisKeys): Promise<number[]> {
  const current = currentShards(keys);
  const others = shardQueues(Array.from({ length: MAX_EVENT_SHARDS }, (_, shard) => shard).slice(keys.eventShards));
  const existing = await Promise.all(others.map((queue) => client.exists(...keysOf(keys, queue))));
  const used = others.filter((_, n) => existing[n]! > 0).map(({ shard }) => shard);
  return [...new Set([...current, ...used])];
}
