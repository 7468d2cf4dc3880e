import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  submitUntilAccepted,
  expectBalanced,
  newExpectedState,
  resolvedCounts,
  someEvents,
} from '../../../support/expected-state';
import { anEvent } from '../../../support/builders';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import type { OwnStore } from '../../../support/own-store';
import { waitUntil } from '../../../support/wait-until';

/** Longer than the test takes. */
const PAUSE_MS = 600_000;
const TIMEOUT_MS = 90_000;

const { start, ownRedis, serve } = faultEnvironment();
let mir: Harness;
let cache: OwnStore;
beforeAll(async () => {
  cache = await ownRedis();
  mir = await serve({ workers: false, env: { CACHE_REDIS_URL: cache.url } });
});

describe('a worker killed between commit and cache', () => {
  it(
    'leaves a job that refreshes the cached signals of all its users, even if their events are already stored',
    async () => {
      const { store, cacheLink } = mir.ctx;
      const expectedState = newExpectedState(await mir.partner());
      const { liveKey } = expectedState.partner;
      const repeated = anEvent({ userExternalId: 'repeated', idempotencyKey: 'k-1' });
      await submitUntilAccepted(mir.client, expectedState, [repeated]);
      const first = await start('worker', mir.env);
      await waitUntil('the first event is stored', async () => (await store.events.model.countDocuments()) === 1);
      expect(await first.stop()).toEqual({ code: 0, signal: null });
      await cacheLink.client.flushdb();

      // The cache has rows for u-0 and u-1 from before the commit, and none for the other users.
      const events = someEvents(40, 4);
      const cachedUsers = { userExternalIds: ['u-0', 'u-1'] };
      await mir.client.post('/v1/resolve', liveKey, cachedUsers);
      // The cache holds two rows and the epoch token, which the second worker cannot set while writes are paused.
      await waitUntil('the cache is filled', async () => (await cacheLink.client.dbsize()) === 3);
      await cacheLink.client.call('CLIENT', 'PAUSE', PAUSE_MS, 'WRITE');
      await submitUntilAccepted(mir.client, expectedState, [...events, repeated]);
      const second = await start('worker', mir.env);
      await waitUntil('all events are committed', async () => (await store.events.model.countDocuments()) === 41);
      await second.kill9();

      const stale = await mir.client.post('/v1/resolve', liveKey, cachedUsers);
      expect(stale.headers.get('x-signals-source')).toBe('cache');
      expect(stale.body.results).toMatchObject([{ eventCount: 0 }, { eventCount: 0 }]);
      const stored = await store.events.model.findOne({ chunkId: /./ }).sort({ receivedAt: -1 }).lean();
      // The watermark shows that the response is stale.
      expect(Date.parse(stale.body.results[0].includesEventsThrough)).toBeLessThanOrEqual(stored!.receivedAt.getTime());

      await cacheLink.client.call('CLIENT', 'UNPAUSE');
      await start('worker', mir.env);
      await waitUntil(
        'the cache is up to date',
        async () => (await resolvedCounts(mir.client, expectedState))['u-0'] === 10,
        TIMEOUT_MS,
      );
      const users = { userExternalIds: ['u-0', 'u-1', 'u-2', 'u-3', 'repeated'] };
      const fresh = await mir.client.post('/v1/resolve', liveKey, users);
      expect(fresh.headers.get('x-signals-source')).toBe('cache');
      await expectBalanced(mir, expectedState);
    },
    TIMEOUT_MS,
  );
});
