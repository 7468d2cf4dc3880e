import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../../shared/domain/api-key';
import { MAX_EVENTS_PER_CHUNK } from '../../../shared/queue/event-chunk';
import { scripts } from '../../../shared/redis/scripts';
import { HOUR_MS } from '../../../shared/domain/usage';
import { storeUsage } from '../../../shared/usage/store-usage';
import { createPartitionLocks, LOCK_MS } from '../../../workers/events/partition-locks';
import { anEvent, someEvents } from '../../support/builders';
import { makeDeadLetter } from '../../support/dead-letters';
import { eventJobsOf } from '../../support/event-jobs';
import { ADMIN_TOKEN, type Harness, startHarness } from '../../support/harness';
import { monitorCommands } from '../../support/monitor-commands';
import { playTraffic } from '../../support/traffic';
import { waitUntil } from '../../support/wait-until';

/** One server's rows are read with MGET. */
const ONLY_ON_A_CLUSTER = new Set(['readSignals']);
/** On one server, a call of these may have the rows of several slots. `npm run test:cluster` checks them, too. */
const SPLIT_ON_A_CLUSTER = new Set(['fenceSignals', 'putNewerSignals']);
const OF_BULLMQ = 'BullMQ';

const NAMES = new Map(Object.entries(scripts).map(([name, { sha }]) => [sha, name]));

/** The keys of each call of a script. */
const calls: { script: string; keys: string[] }[] = [];
const monitors: { disconnect(): void }[] = [];
let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false, env: { EVENT_QUEUE_SHARDS: '3' } });
  for (const server of mir.ctx.queueLink.primaries()) {
    const monitor = await monitorCommands(server, ([command, script, count, ...rest]) => {
      const isText = command?.toLowerCase() === 'eval';
      if (!isText && command?.toLowerCase() !== 'evalsha') return;
      // A server that has not cached a script gets its text.
      const sha = isText ? createHash('sha1').update(script!, 'latin1').digest('hex') : script!;
      calls.push({ script: NAMES.get(sha) ?? OF_BULLMQ, keys: rest.slice(0, Number(count)) });
    });
    monitors.push(monitor);
  }
});
afterAll(async () => {
  monitors.forEach((monitor) => monitor.disconnect());
  await mir.close();
});

const called = (): Set<string> => new Set(calls.map(({ script }) => script));

/** Makes a dead letter, erases the user whose event is in it, and leaves an abandoned chunk to sweep. */
async function eraseFromDeadLetter(): Promise<void> {
  const { liveKey } = await mir.partner();
  const events = ['erased', 'kept'].map((userExternalId) => anEvent({ userExternalId }));
  await mir.client.post('/v1/events', liveKey, { events });
  const [job] = await eventJobsOf(mir.ctx).getJobs(['waiting', 'prioritized']);
  const shard = mir.ctx.keys.eventShardOf(job!.data.tenant);
  await makeDeadLetter(mir, job!.id!, shard);
  await mir.startWorkers();
  expect((await mir.client.post('/v1/users/erase', liveKey, { userExternalId: 'erased' })).status).toBe(202);
}

/** Holds a partition until its lock is renewed. */
async function renewLock(): Promise<void> {
  const locks = createPartitionLocks(mir.ctx.queueLink, mir.ctx.keys);
  const held = await locks.acquire([{ partition: 'p0', events: 1 }], 1, 'holder');
  await waitUntil('the lock is renewed', () => Promise.resolve(called().has('renewLocks')), 2 * LOCK_MS);
  await held.release();
}

describe('the keys of a script', () => {
  it('have the same hash tag, in calls of every script and those of BullMQ', async () => {
    await eraseFromDeadLetter();
    const { liveKey, key } = await mir.partner();
    await mir.client.post('/v1/introspect', liveKey, { token: newApiKey('live', key.tag, true).key });
    await mir.client.post('/v1/events', liveKey, { events: someEvents(2 * MAX_EVENTS_PER_CHUNK) });
    await playTraffic(mir.client, mir.ctx.store, ADMIN_TOKEN);
    await renewLock();
    await storeUsage({ store: mir.ctx.store, link: mir.ctx.queueLink, keys: mir.ctx.keys }, Date.now() + 2 * HOUR_MS);
    const isCluster = mir.ctx.queueLink.layout === 'cluster';
    const expected = Object.keys(scripts).filter((name) => isCluster || !ONLY_ON_A_CLUSTER.has(name));
    const missing = (): string[] => expected.filter((name) => !called().has(name));
    await waitUntil('all scripts are called', () => Promise.resolve(missing().length === 0)).catch(() => undefined);
    expect(missing()).toEqual([]);
    expect(called()).toContain(OF_BULLMQ);
    const tagOf = (key: string): string | undefined => /\{([^}]+)\}/.exec(key)?.[1];
    const spread = calls.filter(
      ({ script, keys }) =>
        keys.length > 1 &&
        (isCluster || !SPLIT_ON_A_CLUSTER.has(script)) &&
        (tagOf(keys[0]!) === undefined || new Set(keys.map(tagOf)).size > 1),
    );
    expect(spread).toEqual([]);
  });
});
