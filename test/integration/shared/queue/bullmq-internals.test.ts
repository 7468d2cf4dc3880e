import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import {
  countActive,
  failedJobs,
  findJobs,
  isFailed,
  JOB_FIELDS,
  jobsDelayedPast,
  PRIORITY_STEP,
  queueKeys,
  type QueueKeys,
  shortenJobLocks,
  storedPayload,
  storedPayloads,
} from '../../../../shared/queue/bullmq-internals';
import { queueStats } from '../../../../shared/queue/queue-stats';
import type { RedisClient, RedisLink } from '../../../../shared/redis/link';
import { redisKeys, type RedisKeys } from '../../../../shared/redis/keys';
import { freshEnv } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';
import { workerLink } from '../../../support/worker-link';

const ROOT = join(__dirname, '../../../..');
const NAME = 'contract';
const TOKEN = 'token';
const HOUR_MS = 3_600_000;

const env = freshEnv();
const keys: RedisKeys = redisKeys(env['KEYSPACE']!);
const of: QueueKeys = queueKeys(keys, NAME);
let link: RedisLink;
let redis: RedisClient;
let queue: Queue;
let worker: Worker;

beforeAll(async () => {
  link = workerLink(env);
  redis = link.client;
  await link.whenReady(10_000);
});
afterAll(async () => {
  await link.close();
});
beforeEach(async () => {
  const prefix = keys.queuePrefix(NAME);
  queue = new Queue(NAME, { connection: link.client, prefix });
  worker = new Worker(NAME, null, { connection: link.client, prefix });
  await worker.waitUntilReady();
});
afterEach(async () => {
  await worker.close(true);
  await queue.obliterate({ force: true });
  await queue.close();
});

async function takeJob(): Promise<Job> {
  const job = await worker.getNextJob(TOKEN);
  if (!job) throw new Error('no job is waiting');
  return job;
}

async function failNext(): Promise<void> {
  const job = await takeJob();
  await job.moveToFailed(new UnrecoverableError('failed by the test'), TOKEN);
}

/** Adds one job in each state. IDs have a prefix, because an ID such as `failed` would collide with a queue key. */
async function addJobInEachState(): Promise<void> {
  for (const state of ['failed', 'active']) await queue.add(NAME, { state }, { jobId: `is-${state}` });
  await failNext();
  await takeJob();
  await queue.add(NAME, { state: 'waiting' }, { jobId: 'is-waiting' });
  await queue.add(NAME, { state: 'prioritized' }, { jobId: 'is-prioritized', priority: 3 });
  await queue.add(NAME, { state: 'delayed' }, { jobId: 'is-delayed', delay: HOUR_MS });
}

describe('job locks after the clock of Redis has stepped back', () => {
  const limits = { lockMs: 30_000, stalledCheckMs: 5_000 };
  const lockOf = (id: string): string => `${of.job(id)}:lock`;

  it('shortens locks that outlive every worker, so that the job of a dead worker is redelivered', async () => {
    await queue.add(NAME, {}, { jobId: 'is-stalled' });
    await takeJob();
    expect(await redis.get(lockOf('is-stalled'))).toBe(TOKEN);
    await redis.pexpire(lockOf('is-stalled'), HOUR_MS);
    await redis.set(of.stalledCheck, '1', 'PX', HOUR_MS);
    expect(await shortenJobLocks(redis, of, limits)).toBe(2);
    expect(await redis.pttl(lockOf('is-stalled'))).toBeLessThanOrEqual(limits.lockMs);
    expect(await redis.pttl(of.stalledCheck)).toBeLessThanOrEqual(limits.stalledCheckMs);
  });

  it('leaves other locks as they are', async () => {
    await queue.add(NAME, {}, { jobId: 'is-active' });
    await takeJob();
    await redis.pexpire(lockOf('is-active'), limits.lockMs - 10_000);
    expect(await shortenJobLocks(redis, of, limits)).toBe(0);
    expect(await redis.pttl(lockOf('is-active'))).toBeLessThanOrEqual(limits.lockMs - 10_000);
  });

  it("BullMQ's stalled check waits for the key that is shortened", async () => {
    const checking = new Worker(NAME, () => Promise.resolve(), {
      connection: link.client,
      prefix: keys.queuePrefix(NAME),
      stalledInterval: HOUR_MS,
    });
    try {
      await waitUntil('a worker has checked for stalled jobs', async () => (await redis.pttl(of.stalledCheck)) > 0);
    } finally {
      await checking.close(true);
    }
  });
});

const STATES = ['active', 'delayed', 'failed', 'prioritized', 'waiting'];

describe('delayed jobs', () => {
  it('are found by the time when their delay ends', async () => {
    const nowMs = Date.now();
    await queue.add(NAME, {}, { jobId: 'is-late', delay: HOUR_MS, timestamp: nowMs });
    await queue.add(NAME, {}, { jobId: 'is-soon', delay: 10_000, timestamp: nowMs });
    expect(await jobsDelayedPast(redis, of, nowMs + 10_000)).toEqual(['is-late']);
    expect(await jobsDelayedPast(redis, of, nowMs + HOUR_MS)).toEqual([]);
    expect(await jobsDelayedPast(redis, of, nowMs + 9_999)).toEqual(['is-soon', 'is-late']);
  });
});

describe('BullMQ key layout', () => {
  it('runs against the version of BullMQ that package.json pins', () => {
    const versionIn = (file: string) => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
    expect(versionIn('package.json').dependencies.bullmq).toBe(versionIn('node_modules/bullmq/package.json').version);
  });

  it("uses BullMQ's key names", () => {
    expect(of).toEqual({
      jobPrefix: queue.toKey(''),
      job: expect.any(Function),
      waiting: queue.toKey('wait'),
      prioritized: queue.toKey('prioritized'),
      active: queue.toKey('active'),
      delayed: queue.toKey('delayed'),
      failed: queue.toKey('failed'),
      stalledCheck: queue.toKey('stalled-check'),
    });
    expect(of.job('some-id')).toBe(queue.toKey('some-id'));
  });

  it("stores the IDs of the jobs in each state under that state's key", async () => {
    await addJobInEachState();
    expect({
      waiting: await redis.lrange(of.waiting, 0, -1),
      prioritized: await redis.zrange(of.prioritized, 0, -1),
      active: await redis.lrange(of.active, 0, -1),
      delayed: await redis.zrange(of.delayed, 0, -1),
      failed: await redis.zrange(of.failed, 0, -1),
    }).toEqual(Object.fromEntries(STATES.map((state) => [state, [`is-${state}`]])));
    expect(await countActive(redis, of)).toBe(1);
  });

  it('stores waiting jobs under the same key while the queue is paused', async () => {
    await queue.pause();
    await queue.add(NAME, {}, { jobId: 'held' });
    expect(await redis.lrange(of.waiting, 0, -1)).toEqual(['held']);
  });

  it('pushes jobs to the head of their lists, so that the oldest job is at the tail', async () => {
    for (const jobId of ['first', 'second', 'third']) await queue.add(NAME, {}, { jobId });
    expect(await redis.lindex(of.waiting, -1)).toBe('first');
    for (const jobId of ['first', 'second']) expect((await takeJob()).id).toBe(jobId);
    expect(await redis.lindex(of.active, -1)).toBe('first');
  });

  it('scores prioritized jobs by priority and then by insertion order', async () => {
    for (const [jobId, priority] of [
      ['low', 1_000],
      ['high', 1],
      ['later', 1],
    ] as const) {
      await queue.add(NAME, {}, { jobId, priority });
    }
    const flat = await redis.zrange(of.prioritized, 0, -1, 'WITHSCORES');
    const jobs = [0, 2, 4].map((at) => [flat[at], Math.floor(Number(flat[at + 1]) / PRIORITY_STEP)]);
    expect(jobs).toEqual([
      ['high', 1],
      ['later', 1],
      ['low', 1_000],
    ]);
  });

  it("stores a job's payload and times in the job's hash", async () => {
    const addedAtMs = Date.now() - HOUR_MS;
    await queue.add(NAME, { text: 'original' }, { jobId: 'one', timestamp: addedAtMs });
    const { processedOn } = await takeJob();
    expect(await storedPayload(redis, of, 'one')).toBe('{"text":"original"}');
    expect(await redis.hmget(of.job('one'), JOB_FIELDS.addedAtMs, JOB_FIELDS.takenAtMs)).toEqual([
      String(addedAtMs),
      String(processedOn),
    ]);
    await redis.hset(of.job('one'), JOB_FIELDS.payload, '{"text":"replaced"}');
    expect((await queue.getJob('one'))!.data).toEqual({ text: 'replaced' });
    expect(await storedPayload(redis, of, 'none')).toBeNull();
  });

  it('finds queued and failed jobs, but not completed or unknown jobs', async () => {
    await addJobInEachState();
    await queue.add(NAME, {}, { jobId: 'is-done', removeOnComplete: true, lifo: true });
    await (await takeJob()).moveToCompleted(null, TOKEN, false);
    const ids = [...STATES, 'done', 'never'];
    const states = await findJobs(
      redis,
      of,
      ids.map((id) => `is-${id}`),
    );
    const found = Object.fromEntries(ids.map((id, n) => [id, states[n]]));
    expect(found).toEqual({
      active: 'queued',
      delayed: 'queued',
      failed: 'failed',
      prioritized: 'queued',
      waiting: 'queued',
      done: 'none',
      never: 'none',
    });
    expect(await Promise.all(['is-failed', 'is-waiting', 'meta'].map((id) => isFailed(redis, of, id)))).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('scores failed jobs by the time of failure', async () => {
    for (const jobId of ['first', 'second']) await queue.add(NAME, {}, { jobId });
    await failNext();
    const first = (await queue.getJob('first'))!;
    await redis.zadd(of.failed, first.finishedOn! - HOUR_MS, 'first');
    await failNext();
    const second = (await queue.getJob('second'))!;
    expect(await failedJobs(redis, of)).toEqual([
      { id: 'second', atMs: second.finishedOn },
      { id: 'first', atMs: first.finishedOn! - HOUR_MS },
    ]);
  });

  it('stores the payload of each job in exactly one hash', async () => {
    await addJobInEachState();
    const ids: string[] = [];
    for await (const { id, data } of storedPayloads(link.primaryOf(of.jobPrefix), of)) {
      expect(JSON.parse(data)).toEqual({ state: id.slice('is-'.length) });
      ids.push(id);
    }
    expect(ids.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(STATES.map((state) => `is-${state}`));
  });

  it('lets queueStats read job counts and ages', async () => {
    await addJobInEachState();
    await queue.add(NAME, {}, { priority: 9, timestamp: Date.now() - 2 * HOUR_MS });
    await redis.hset(of.job('is-active'), JOB_FIELDS.takenAtMs, Date.now() - HOUR_MS);
    const { jobs, oldestWaitingMs, longestActiveMs } = await queueStats({ client: redis }, keys, NAME);
    expect(jobs).toEqual({ waiting: 1, prioritized: 2, active: 1, delayed: 1, failed: 1 });
    expect([Math.round(oldestWaitingMs / HOUR_MS), Math.round(longestActiveMs / HOUR_MS)]).toEqual([2, 1]);
  });
});
