import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { partnerOf } from '../../../shared/domain/ids';
import { messageOf } from '../../../shared/errors';
import type { Log } from '../../../shared/log';
import type { RedisLink } from '../../../shared/redis/link';
import { queueKeys, storedPayloads } from '../../../shared/queue/bullmq-internals';
import { findEventShards, shardQueues } from '../../../shared/queue/event-shards';
import { decodeChunk, type EventChunk, eventsQueue } from '../../../shared/queue/event-chunk';
import { createEventQueue } from '../../../shared/queue/event-queue';
import { advanceClock } from '../../../shared/redis/clock';
import type { RedisKeys } from '../../../shared/redis/keys';
import type { Part } from './manifest';
import { pack, unpack } from './packed-file';

const FILE = 'queued-events.ndjson.gz';

/**
 * Yields the jobs whose events have been accepted but not stored yet. The scan returns every job that exists throughout
 * the scan. If a job disappears during the scan, its events have been committed, so the database dump, which runs
 * afterward, contains them.
 */
async function* jobsOf(link: RedisLink, keys: RedisKeys): AsyncGenerator<Buffer> {
  for (const { queue, shard } of shardQueues(await findEventShards(link, keys))) {
    const server = link.primaryOf(keys.queuePrefix(queue, shard));
    for await (const { id, data } of storedPayloads(server, queueKeys(keys, queue, shard))) {
      yield Buffer.from(`${JSON.stringify({ id, data })}\n`);
    }
  }
}

/** Dumps events from queued, active and dead-lettered jobs. Nothing else in the queue's Redis needs a backup. */
export async function dumpQueuedEvents(link: RedisLink, keys: RedisKeys, folder: string): Promise<Part> {
  return pack(join(folder, FILE), 'queued events', jobsOf(link, keys));
}

/** Returns the path of the file that contains a backup's queued events. */
export const queuedEventsFile = (folder: string): string => join(folder, FILE);

function chunkOf(line: string): EventChunk | null {
  try {
    const { data } = JSON.parse(line) as { data: string };
    return decodeChunk(eventsQueue.parse({ data: JSON.parse(data) }));
  } catch {
    return null;
  }
}

/**
 * Requeues a backup's events. Also restores their open markers, so responses do not claim to include the events before
 * they are stored. Events that the database already contains are not stored twice. Returns the number of requeued jobs
 * and the number of jobs that were skipped because their payload is unreadable.
 */
export async function loadQueuedEvents(
  { link, keys, log }: { link: RedisLink; keys: RedisKeys; log: Log },
  folder: string,
): Promise<{ queued: number; unreadable: number }> {
  const queue = createEventQueue({ link, keys, log });
  let queued = 0;
  let unreadable = 0;
  try {
    for await (const line of createInterface({ input: Readable.from(unpack(queuedEventsFile(folder))) })) {
      const chunk = chunkOf(line);
      if (!chunk) {
        unreadable += 1;
        continue;
      }
      const { chunkId, tenant, receivedAtMs, events } = chunk;
      // The clock of this server may be behind. An erasure must cover the events that were received before it.
      await advanceClock(link.client, keys, partnerOf(tenant), receivedAtMs);
      await link.client.zadd(keys.openChunks(tenant), receivedAtMs, chunkId);
      const load = {
        openChunks: Number.POSITIVE_INFINITY,
        sentBytes: line.length / events.length,
        authorizedAt: performance.now(),
      };
      await queue.add([chunk], load);
      queued += 1;
    }
  } catch (error) {
    throw new Error(`Could not restore the queued events: ${messageOf(error)}`, { cause: error });
  } finally {
    await queue.close();
  }
  return { queued, unreadable };
}
