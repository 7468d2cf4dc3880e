import type { Tenant } from '../domain/ids';
import type { RedisKeys } from '../redis/keys';
import type { RedisLink } from '../redis/link';
import { eventsQueue } from './event-chunk';
import type { InspectedQueues } from './queues';
import { findChunkJobs } from './sweep-open-chunks';

const CHUNKS_PER_PAGE = 100;
/** Maximum number of events to count. Bounds how many payloads are read: they can be large. */
const MAX_EVENTS_COUNTED = 20_000;
/** Maximum number of chunks to inspect. */
const MAX_CHUNKS_INSPECTED = 2_000;

export interface QueuedEvents {
  events: number;
  /** False if more events may be queued than were counted. */
  isComplete: boolean;
}

/**
 * Counts a tenant's events that are queued or being stored. Stops at about 20,000 events. The count can be off by the
 * events that are accepted or stored meanwhile.
 */
export async function countQueuedEvents(
  { queueLink, keys, queues }: { queueLink: RedisLink; keys: RedisKeys; queues: InspectedQueues },
  tenant: Tenant,
): Promise<QueuedEvents> {
  let events = 0;
  for (let start = 0; start < MAX_CHUNKS_INSPECTED; start += CHUNKS_PER_PAGE) {
    const end = start + CHUNKS_PER_PAGE - 1;
    const chunkIds = await queueLink.client.zrange(keys.openChunks(tenant), start, end);
    const jobs = await findChunkJobs(queueLink, keys, chunkIds);
    for (const [n, job] of jobs.entries()) {
      // A failed job is a dead letter, and a job that no longer exists has been stored.
      if (job.state === 'none' || job.state === 'failed') continue;
      const found = await queues.ofShard(job.queue, job.shard).getJob(chunkIds[n]!);
      const payload = found && eventsQueue.safeParse(found.data);
      if (payload?.success) events += payload.data.events.length;
      if (events >= MAX_EVENTS_COUNTED) return { events, isComplete: false };
    }
    if (chunkIds.length < CHUNKS_PER_PAGE) return { events, isComplete: true };
  }
  return { events, isComplete: false };
}
