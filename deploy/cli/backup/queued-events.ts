import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { messageOf } from '../../../shared/errors';
import type { Log } from '../../../shared/log';
import type { RedisLink } from '../../../shared/redis/connect';
import { createEventQueue } from '../../../shared/queue/event-queue';
import { decodeChunk, type EventChunk, QUEUES } from '../../../shared/queue/jobs';
import type { RedisKeys } from '../../../shared/redis/keys';
import type { Part } from './manifest';
import { pack, unpack } from './packed-file';

const SCAN_COUNT = 500;
const FILE = 'queued-events.ndjson.gz';

/**
 * Events that are accepted, but not stored yet. A scan finds every job that is there all the while; one that is gone
 * before it is reached was committed, and stands in the store, which is read afterwards.
 */
async function* jobsOf({ client }: RedisLink, keys: RedisKeys): AsyncGenerator<Buffer> {
  const prefix = `${keys.queuePrefix(QUEUES.events)}:${QUEUES.events}:`;
  const pattern = `${prefix.replaceAll(/[[\]*?\\]/g, '\\$&')}*`;
  const seen = new Set<string>();
  let cursor = '0';
  do {
    const [next, found] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT, 'TYPE', 'hash');
    cursor = next;
    for (const key of found) {
      if (seen.has(key)) continue;
      seen.add(key);
      const data = await client.hget(key, 'data');
      if (data !== null) yield Buffer.from(`${JSON.stringify({ id: key.slice(prefix.length), data })}\n`);
    }
  } while (cursor !== '0');
}

/** Writes the events that wait, are at work or were given up. The rest of the queue store need not be restored. */
export async function dumpQueuedEvents(link: RedisLink, keys: RedisKeys, folder: string): Promise<Part> {
  return pack(join(folder, FILE), 'queued events', jobsOf(link, keys));
}

/** The path of the packed jobs in a backup. */
export const queuedEventsFile = (folder: string): string => join(folder, FILE);

function chunkOf(line: string): EventChunk | null {
  try {
    const { data } = JSON.parse(line) as { data: string };
    return decodeChunk(JSON.parse(data));
  } catch {
    return null;
  }
}

/**
 * Queues them again, with their open markers, so that no answer claims to include them before they are stored. What the
 * store has already is found there and stored once. Answers how many payloads could not be read, and were not before.
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
      await link.client.zadd(keys.openChunks(tenant), receivedAtMs, chunkId);
      const load = { openChunks: 0, sentBytes: line.length / events.length, authorizedAt: performance.now() };
      await queue.add([chunk], load);
      queued += 1;
    }
  } catch (error) {
    throw new Error(`The queued events could not be restored: ${messageOf(error)}`, { cause: error });
  } finally {
    await queue.close();
  }
  return { queued, unreadable };
}
