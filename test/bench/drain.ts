import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import type { Tenant } from '../../shared/domain/ids';
import { tenantOf } from '../../shared/domain/ids';
import type { EventChunk } from '../../shared/queue/event-chunk';
import { waitUntil } from '../support/wait-until';
import { chunksOf } from './events';
import type { BenchProcess } from './processes';
import type { BenchEnvironment } from './environment';

const PER_CHUNK = 500;
const SENT_BYTES = 200;
const DRAIN_TIMEOUT_MS = 120_000;

function plainEvents(chunks: EventChunk[]): Record<string, unknown>[] {
  return chunks.flatMap(({ tenant, chunkId, receivedAtMs, events }) =>
    events.map(({ eventId, userRef, eventType, occurredAtMs, weight, metadata, index }) => {
      return {
        _id: eventId,
        tenant,
        userRef,
        eventType,
        occurredAt: occurredAtMs,
        receivedAt: receivedAtMs,
        weight,
        metadata,
        chunkId,
        index,
      };
    }),
  );
}

/** Returns how many events per second a running worker commits, caches and finalizes from a full queue. */
export async function drainRate(environment: BenchEnvironment, count: number, users: number): Promise<number> {
  const { ctx, partner } = environment;
  const tenant: Tenant = tenantOf(partner.partnerId, 'live');
  const open = ctx.keys.openChunks(tenant);
  const chunks = chunksOf(environment, tenant, count / PER_CHUNK, PER_CHUNK, users);
  const queues = [ctx.queues.events, ctx.queues['bulk-events']];
  await Promise.all(queues.map((queue) => queue.pause()));
  for (const [n, chunk] of chunks.entries()) {
    await ctx.queueLink.client.zadd(open, chunk.receivedAtMs, chunk.chunkId);
    await ctx.eventQueue.add([chunk], { openChunks: n, sentBytes: SENT_BYTES, authorizedAt: performance.now() });
  }
  const startedAt = performance.now();
  await Promise.all(queues.map((queue) => queue.resume()));
  await waitUntil(
    'every chunk is finalized',
    async () => (await ctx.queueLink.client.zcard(open)) === 0,
    DRAIN_TIMEOUT_MS,
  );
  const ms = performance.now() - startedAt;
  await ctx.store.events.model.collection.deleteMany({});
  await ctx.store.users.model.collection.deleteMany({});
  return (count / ms) * 1000;
}

/** Returns how many events per second the driver-only loop stores. */
export async function loopRate(
  environment: BenchEnvironment,
  loop: BenchProcess,
  count: number,
  users: number,
): Promise<number> {
  const tenant = tenantOf(environment.partner.partnerId, 'live');
  const events = plainEvents(chunksOf(environment, tenant, count / PER_CHUNK, PER_CHUNK, users));
  const ms = await new Promise<number>((resolve, reject) => {
    loop.child.once('message', (message) => resolve((message as { ms: number }).ms));
    loop.child.once('exit', () => reject(new Error('the driver loop exited')));
    loop.child.send({ events });
  });
  return (count / ms) * 1000;
}

/** Returns how many events per second the conventional worker processes, with one job per event. */
export async function usualRate(environment: BenchEnvironment, count: number, users: number): Promise<number> {
  const tenant = tenantOf(environment.partner.partnerId, 'live');
  const events = plainEvents(chunksOf(environment, tenant, Math.ceil(count / PER_CHUNK), PER_CHUNK, users)).slice(
    0,
    count,
  );
  const redis = new Redis(environment.env['REDIS_URL']!, { maxRetriesPerRequest: null });
  const queue = new Queue('usual', { connection: redis });
  await queue.pause();
  await queue.addBulk(events.map((data) => ({ name: 'event', data, opts: { removeOnComplete: true } })));
  const startedAt = performance.now();
  await queue.resume();
  await waitUntil(
    'the queue of the conventional worker is empty',
    async () => Object.values(await queue.getJobCounts('waiting', 'active')).every((jobs) => jobs === 0),
    DRAIN_TIMEOUT_MS,
  );
  const ms = performance.now() - startedAt;
  await queue.close();
  await redis.quit();
  return (count / ms) * 1000;
}
