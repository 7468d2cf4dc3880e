import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { listDeadLetters, replayDeadLetter } from '../../../../api/admin/dead-letters';
import { readConfig } from '../../../../shared/config/config';
import { tenantOf } from '../../../../shared/domain/ids';
import { currentShards, findEventShards } from '../../../../shared/queue/event-shards';
import { MAX_EVENTS_PER_CHUNK } from '../../../../shared/queue/event-chunk';
import { ABANDONED_AFTER_MS, sweepOpenChunks, sweepReservations } from '../../../../shared/queue/sweep-open-chunks';
import { openRuntime } from '../../../../shared/runtime';
import { startWorkers } from '../../../../workers/start-workers';
import { auditContextForCli } from '../../../../deploy/cli/open';
import { anEvent, someEvents } from '../../../support/builders';
import type { ApiClient, TestResponse } from '../../../support/client';
import { makeDeadLetter } from '../../../support/dead-letters';
import { eventJobsOf } from '../../../support/event-jobs';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { serveApi, type ServedApi } from '../../../support/serve-api';
import { waitUntil } from '../../../support/wait-until';

const SHARDS = 4;
/** Enough for about 24 chunks, six in each shard. */
const MAX_QUEUED_BYTES = 4_000_000;
const CHUNK = { events: someEvents(MAX_EVENTS_PER_CHUNK) };
const MAX_CHUNKS = 40;

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({
    workers: false,
    env: { EVENT_QUEUE_SHARDS: String(SHARDS), MAX_QUEUED_BYTES: String(MAX_QUEUED_BYTES) },
  });
});
afterAll(() => mir.close());

/** Returns a new partner whose events are in this shard. */
async function partnerIn(shard: number): Promise<TestPartner> {
  for (;;) {
    const partner = await mir.partner();
    if (mir.ctx.keys.eventShardOf(tenantOf(partner.partnerId, 'live')) === shard) return partner;
  }
}

const submit = (client: ApiClient, { liveKey }: TestPartner, body: unknown = anEvent()): Promise<TestResponse> =>
  client.post('/v1/events', liveKey, body);
const waitingIn = (shard: number): Promise<number> =>
  mir.ctx.queues.ofShard('events', shard).getJobCountByTypes('waiting', 'prioritized');

/** Serves an API with one shard, as after the setting was reduced, or before it is raised. */
async function withOneShard(work: (api: ServedApi) => Promise<void>): Promise<void> {
  const api = await serveApi(readConfig({ ...mir.env, EVENT_QUEUE_SHARDS: '1' }));
  try {
    await work(api);
  } finally {
    await api.close();
  }
}

/** Runs workers with this number of shards. */
async function withWorkers(shards: number, work: () => Promise<void>): Promise<void> {
  const runtime = await openRuntime(readConfig({ ...mir.env, EVENT_QUEUE_SHARDS: String(shards) }), 'worker');
  const workers = await startWorkers(runtime);
  try {
    await work();
  } finally {
    await workers.stop();
    await runtime.close();
  }
}

async function waitUntilPersisted({ liveKey }: TestPartner, receiptId: string): Promise<void> {
  await waitUntil('the events are persisted', async () => {
    const { body } = await mir.client.get(`/v1/events/receipts/${receiptId}`, liveKey);
    return body.status === 'DONE';
  });
}

describe('the shards of the event queues', () => {
  beforeEach(async () => {
    const { queues, keys, queueLink } = mir.ctx;
    for (const shard of currentShards(keys)) {
      for (const name of ['events', 'bulk-events'] as const) {
        await queues.ofShard(name, shard).obliterate({ force: true });
      }
      await queueLink.client.del(keys.reservations(shard), keys.reservedBytes(shard), keys.partnerBytes(shard));
    }
  });

  it('queues the events of a partner in its shard, and those of both environments in the same one', async () => {
    const partner = await partnerIn(2);
    await submit(mir.client, partner);
    await mir.client.post('/v1/events', partner.testKey, anEvent());
    expect(await Promise.all(currentShards(mir.ctx.keys).map(waitingIn))).toEqual([0, 0, 2, 0]);
  });

  it('processes the events of every shard', async () => {
    const partners = await Promise.all(currentShards(mir.ctx.keys).map(partnerIn));
    await withWorkers(SHARDS, async () => {
      for (const partner of partners) {
        const { body } = await submit(mir.client, partner, { events: someEvents(MAX_EVENTS_PER_CHUNK) });
        await waitUntilPersisted(partner, body.receiptId);
      }
    });
    const { queueLink, keys } = mir.ctx;
    for (const shard of currentShards(keys)) expect(await queueLink.client.exists(keys.reservations(shard))).toBe(0);
  });

  it('keeps accepting events of other shards while one shard is full', async () => {
    const other = await partnerIn(3);
    let rejected = 0;
    for (let chunks = 0; rejected < 3; chunks += 1) {
      expect(chunks).toBeLessThan(MAX_CHUNKS);
      const { status } = await submit(mir.client, await partnerIn(1), CHUNK);
      if (status !== 202) rejected += 1;
      expect((await submit(mir.client, other)).status).toBe(202);
    }
  });

  it('lists and replays the dead letters of every shard', async () => {
    const partner = await partnerIn(3);
    await submit(mir.client, partner);
    const [job] = await eventJobsOf(mir.ctx).getJobs(['waiting']);
    await makeDeadLetter(mir, job!.id!, 3);
    const { data } = await listDeadLetters(mir.ctx, { limit: 10 });
    expect(data).toMatchObject([{ id: job!.id, queue: 'events', partnerId: partner.partnerId }]);
    await replayDeadLetter(mir.ctx, job!.id!, auditContextForCli('ana@laptop'));
    expect(await waitingIn(3)).toBe(1);
  });

  it('processes what is left in a shard after the number of shards is reduced, and does not sweep it before', async () => {
    const partner = await partnerIn(3);
    const { body } = await submit(mir.client, partner);
    await withOneShard(async ({ ctx: { queueLink: link, keys } }) => {
      const later = Date.now() + 2 * ABANDONED_AFTER_MS;
      expect(await sweepOpenChunks(link, keys, tenantOf(partner.partnerId, 'live'), later)).toBe(0);
      expect(await findEventShards(link, keys)).toEqual([0, 3]);
      expect(await sweepReservations(link, keys, 3, later)).toBe(0);
    });
    await withWorkers(1, () => waitUntilPersisted(partner, body.receiptId));
    await withOneShard(async ({ ctx: { queueLink, keys } }) => {
      expect(await findEventShards(queueLink, keys)).toEqual([0]);
    });
  });

  it('processes events that another process adds to more shards than this worker knew of', async () => {
    const partner = await partnerIn(1);
    await withWorkers(1, async () => {
      const { body } = await submit(mir.client, partner);
      await waitUntilPersisted(partner, body.receiptId);
    });
  });

  it('discards an abandoned chunk whose reservation is in a former shard', async () => {
    const partner = await partnerIn(2);
    await submit(mir.client, partner);
    const [job] = await mir.ctx.queues.ofShard('events', 2).getJobs(['waiting']);
    await job!.remove();
    const { queueLink, keys } = mir.ctx;
    await withOneShard(async (api) => {
      const later = Date.now() + 2 * ABANDONED_AFTER_MS;
      const tenant = tenantOf(partner.partnerId, 'live');
      expect(await sweepOpenChunks(api.ctx.queueLink, api.ctx.keys, tenant, later)).toBe(1);
    });
    expect(await queueLink.client.exists(keys.reservations(2))).toBe(0);
  });
});
