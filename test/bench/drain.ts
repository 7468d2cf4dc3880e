import { setTimeout as delay } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import type { Tenant } from '../../shared/domain/ids';
import { tenantOf } from '../../shared/domain/ids';
import type { EventChunk } from '../../shared/queue/event-chunk';
import { eventJobsOf } from '../support/event-jobs';
import type { LoopMessage } from './servers/driver-loop';
import { chunksOf, type Population } from './events';
import type { BenchProcess } from './processes';
import type { BenchEnvironment } from './environment';

const PER_CHUNK = 500;
const SENT_BYTES = 200;
/** Interval in ms of the checks for the end of a drain. Limits how much too long a drain appears. */
const POLL_MS = 10;
const DRAIN_TIMEOUT_MS = 300_000;

/** The events of one measurement. */
export interface DrainLoad extends Population {
  count: number;
  /** Defaults to the environment's partner. */
  tenants?: readonly Tenant[];
  /** Keep the users afterward. Defaults to false, so that every round creates its users. */
  keepUsers?: boolean;
}

type Drained = Pick<BenchEnvironment, 'ctx' | 'partner'>;

function tenantsOf({ partner }: Drained, { tenants }: DrainLoad): readonly Tenant[] {
  return tenants ?? [tenantOf(partner.partnerId, 'live')];
}

function plainEvents(chunks: EventChunk[]): LoopMessage['events'] {
  return chunks.flatMap(({ tenant, chunkId, receivedAtMs, events }) =>
    events.map(({ eventId, userRef, eventType, occurredAtMs, weight, metadata, index }) => {
      return {
        _id: eventId,
        tenant,
        userRef,
        eventType,
        occurredAt: occurredAtMs!,
        receivedAt: receivedAtMs,
        weight,
        metadata,
        chunkId,
        index,
      };
    }),
  );
}

async function pollUntil(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const startedAt = performance.now();
  while (!(await isTrue())) {
    if (performance.now() - startedAt > DRAIN_TIMEOUT_MS) throw new Error(`gave up waiting until ${what}`);
    await delay(POLL_MS);
  }
}

/** Returns how many events per second the running workers commit, cache and finalize from a full queue. */
export async function drainRate(environment: Drained, load: DrainLoad): Promise<number> {
  const { ctx } = environment;
  const tenants = tenantsOf(environment, load);
  const startMs = Date.now();
  const chunks = chunksOf(ctx.secrets, tenants, load.count / PER_CHUNK, PER_CHUNK, load);
  const queues = eventJobsOf(ctx);
  await queues.pause();
  const opened = new Map<Tenant, number>();
  for (const chunk of chunks) {
    const openChunks = opened.get(chunk.tenant) ?? 0;
    opened.set(chunk.tenant, openChunks + 1);
    await ctx.queueLink.client.zadd(ctx.keys.openChunks(chunk.tenant), chunk.receivedAtMs, chunk.chunkId);
    await ctx.eventQueue.add([chunk], { openChunks, sentBytes: SENT_BYTES, authorizedAt: performance.now() });
  }
  const startedAt = performance.now();
  await queues.resume();
  await pollUntil('every chunk is finalized', async () => {
    const open = await Promise.all(tenants.map((tenant) => ctx.queueLink.client.zcard(ctx.keys.openChunks(tenant))));
    return open.every((chunksLeft) => chunksLeft === 0);
  });
  const ms = performance.now() - startedAt;
  const measured = { tenant: { $in: [...tenants] }, receivedAt: { $gte: new Date(startMs) } };
  await ctx.store.events.model.collection.deleteMany(measured);
  if (!load.keepUsers) await ctx.store.users.model.collection.deleteMany({});
  return (load.count / ms) * 1000;
}

/** Returns how many events per second the driver-only loop stores. */
export async function loopRate(environment: Drained, loop: BenchProcess, load: DrainLoad): Promise<number> {
  const { count, keepUsers = false } = load;
  const chunks = chunksOf(environment.ctx.secrets, tenantsOf(environment, load), count / PER_CHUNK, PER_CHUNK, load);
  const ms = await new Promise<number>((resolve, reject) => {
    loop.child.once('message', (message) => resolve((message as { ms: number }).ms));
    loop.child.once('exit', () => reject(new Error('the driver loop exited')));
    loop.child.send({ events: plainEvents(chunks), keepUsers } satisfies LoopMessage);
  });
  return (count / ms) * 1000;
}

/** Returns how many events per second the conventional worker processes, with one job per event. */
export async function usualRate(environment: BenchEnvironment, load: DrainLoad): Promise<number> {
  const { count } = load;
  const chunks = chunksOf(
    environment.ctx.secrets,
    tenantsOf(environment, load),
    Math.ceil(count / PER_CHUNK),
    PER_CHUNK,
    load,
  );
  const events = plainEvents(chunks).slice(0, count);
  const redis = new Redis(environment.env['REDIS_URL']!, { maxRetriesPerRequest: null });
  const queue = new Queue('usual', { connection: redis });
  await queue.pause();
  await queue.addBulk(events.map((data) => ({ name: 'event', data, opts: { removeOnComplete: true } })));
  const startedAt = performance.now();
  await queue.resume();
  await pollUntil('the queue of the conventional worker is empty', async () =>
    Object.values(await queue.getJobCounts('waiting', 'active')).every((jobs) => jobs === 0),
  );
  const ms = performance.now() - startedAt;
  await queue.close();
  await redis.quit();
  return (count / ms) * 1000;
}
