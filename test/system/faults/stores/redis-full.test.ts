import { beforeAll, describe, expect, it } from '@jest/globals';
import type { SubmittedEvent } from '../../../../shared/domain/event';
import {
  submitUntilAccepted,
  expectBalanced,
  newExpectedState,
  someKeyedEvents,
  submit,
} from '../../../support/expected-state';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { viewQueue } from '../../../support/queue-view';
import type { OwnStore } from '../../../support/own-store';
import { waitUntil } from '../../../support/wait-until';
import { testStores } from '../../../support/test-stores';

const METADATA = { note: 'x'.repeat(2_000) };
const MIB = 1024 * 1024;
const MAX_MEMORY_BYTES = 32 * MIB;
const MAX_BATCHES = 1_000;
const TIMEOUT_MS = 120_000;

const { start, ownRedis, serve } = faultEnvironment();
let mir: Harness;
let redis: OwnStore;
beforeAll(async () => {
  redis = await ownRedis(['--maxmemory', String(MAX_MEMORY_BYTES)]);
  mir = await serve({
    workers: false,
    env: { REDIS_URL: redis.url, CACHE_REDIS_URL: testStores().redisUrl },
  });
});

function bigEvents(): SubmittedEvent[] {
  return someKeyedEvents(100, 20).map((event) => ({ ...event, metadata: METADATA }));
}

/** Returns how many commands the server has rejected because its memory was full. */
async function outOfMemoryErrors(): Promise<number> {
  const stats = await viewQueue(mir).redis.info('errorstats');
  return Number(/errorstat_OOM:count=(\d+)/.exec(stats)?.[1] ?? 0);
}

describe('Redis at its memory limit', () => {
  it(
    'rejects events before Redis is full and accepts them again once workers have freed memory',
    async () => {
      const limits = { eventsPerMinute: 10_000_000, requestsPerMinute: 1_000_000, queueSharePercent: 100 };
      const expectedState = newExpectedState(await mir.partner({ limits }));
      let rejected: SubmittedEvent[] | null = null;
      for (let n = 0; rejected === null && n < MAX_BATCHES; n += 1) {
        const events = bigEvents();
        if ((await submit(mir.client, expectedState, events)) !== 202) rejected = events;
      }
      const response = await mir.client.post('/v1/events', expectedState.partner.liveKey, { events: rejected });
      expect(response).toMatchObject({ status: 503, body: { code: 'OVERLOADED' } });
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await outOfMemoryErrors()).toBe(0);
      expect(expectedState.receiptIds.length).toBeGreaterThan(10);

      const worker = await start('worker', mir.env);
      await submitUntilAccepted(mir.client, expectedState, rejected!);
      await expectBalanced(mir, expectedState);
      expect(await outOfMemoryErrors()).toBe(0);
      expect(await worker.stop()).toEqual({ code: 0, signal: null });
    },
    TIMEOUT_MS,
  );

  it(
    'drains the queue once other data that filled Redis is deleted',
    async () => {
      const { redis: client } = viewQueue(mir);
      const expectedState = newExpectedState(await mir.partner());
      const worker = await start('worker', mir.env);
      await submitUntilAccepted(mir.client, expectedState, someKeyedEvents(10, 10));
      // Pauses the worker so that its jobs are unfinished when Redis is full.
      process.kill(worker.pid, 'SIGSTOP');
      for (let n = 0; n < 20; n += 1) await submitUntilAccepted(mir.client, expectedState, someKeyedEvents(10, 10));
      const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1]);
      await client.setrange('foreign-1', MAX_MEMORY_BYTES - used - MIB, 'x');
      // Redis accepts this write because some memory is left, and then exceeds its limit.
      await client.setrange('foreign-2', 4 * MIB, 'x');
      await expect(client.set('foreign-3', 'x')).rejects.toThrow('OOM');
      const before = await outOfMemoryErrors();
      process.kill(worker.pid, 'SIGCONT');
      await waitUntil('the worker has run into the limit', async () => (await outOfMemoryErrors()) > before + 3);
      const late = someKeyedEvents(10, 10);
      expect(await submit(mir.client, expectedState, late)).toBe(503);

      await client.del('foreign-1', 'foreign-2');
      await submitUntilAccepted(mir.client, expectedState, late);
      await expectBalanced(mir, expectedState);
      expect(await worker.stop()).toEqual({ code: 0, signal: null });
    },
    TIMEOUT_MS,
  );
});
