import { beforeAll, describe, expect, it } from '@jest/globals';
import type { ChunkId, Tenant } from '../../../../shared/domain/ids';
import { readConfig } from '../../../../shared/config/config';
import { decodeChunk, encodeChunk, type EventChunk, eventsQueue } from '../../../../shared/queue/event-chunk';
import { createCommitter } from '../../../../workers/events/committer';
import { withDerivedIds } from '../../../../workers/events/derive-event-ids';
import { createPartitionLocks } from '../../../../workers/events/partition-locks';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import type { Harness } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { serveApi } from '../../../support/serve-api';
import { waitUntil } from '../../../support/wait-until';
import { formerId, formerStore, keyed, liveTenant } from '../../../support/former-store';
import { describeUpgradedApi } from './upgraded-api';

const HOUR_MS = 3_600_000;

const former = formerStore();
const { countOf, queueAsFormerVersion, receiptOf, serveUpgraded, storedIds, storeAsFormerVersion } = former;

let mir: Harness;
beforeAll(() => {
  mir = former.harness();
});

/** Commits groups of chunks as a worker would. Returns how many event IDs each query in the transactions looks up. */
async function commitAndCountLookups(groups: readonly (readonly EventChunk[])[]): Promise<number[]> {
  const { store, queueLink, keys, log, metrics, tracing, signalsCache: cache } = mir.ctx;
  const locks = createPartitionLocks(queueLink, keys);
  const { signal } = new AbortController();
  const committer = createCommitter({ store, queueLink, keys, cache, locks, log, metrics, tracing, signal });
  const lookups: number[] = [];
  store.connection.set('debug', (collection: string, method: string, filter: { _id?: { $in?: unknown[] } }) => {
    if (collection === 'events' && method === 'find' && filter._id?.$in) lookups.push(filter._id.$in.length);
  });
  try {
    for (const group of groups) {
      const items = await Promise.all(
        group.map((chunk) => committer.commit(chunk, { lane: 'interactive', redelivered: false })),
      );
      expect(items).toEqual(group.map(() => []));
    }
  } finally {
    store.connection.set('debug', false);
  }
  return lookups;
}
const chunkOf = (job: { data: unknown }): EventChunk =>
  withDerivedIds(mir.ctx.secrets.eventId, decodeChunk(eventsQueue.parse(job)));
const partOf = async (tenant: Tenant, chunkId: ChunkId) => (await mir.ctx.store.receipts.parts(tenant, [chunkId]))[0]!;

describe('rollout of keyed event IDs', () => {
  it('uses keyed IDs immediately in a new store, and one hour after the first API start in an upgraded store', async () => {
    expect(mir.ctx.keyedIdsFromMs).toBe(0);
    const before = Date.now();
    const first = await serveUpgraded(null);
    const second = await serveApi(readConfig(mir.env));
    await Promise.all([first.close(), second.close()]);
    expect(first.ctx.keyedIdsFromMs).toBeGreaterThanOrEqual(before + HOUR_MS);
    expect(first.ctx.keyedIdsFromMs).toBeLessThanOrEqual(Date.now() + HOUR_MS);
    expect(second.ctx.keyedIdsFromMs).toBe(first.ctx.keyedIdsFromMs);
  });

  describeUpgradedApi(former, ({ isKeyed, post }) => {
    it('stores events from several callers that use the same key in one commit group', async () => {
      const partner = await mir.partner();
      const agents = [await insertAgent(mir.ctx.store, partner), await insertAgent(mir.ctx.store, partner)];
      const queue = mir.ctx.queues.events;
      await queue.pause();
      const sent: TestResponse[] = [];
      for (const key of [partner.liveKey, ...agents.map(({ apiKey }) => apiKey)])
        sent.push(await post(key, keyed('k')));
      const chunks = (await queue.getJobs()).map((job) => chunkOf(job));
      await queue.obliterate({ force: true });
      await queue.resume();
      expect(chunks).toHaveLength(3);
      expect(await commitAndCountLookups([chunks])).toEqual([6]);
      expect(await storedIds(liveTenant(partner))).toHaveLength(3);
      expect(new Set(sent.map(({ body }) => body.eventId)).size).toBe(isKeyed ? 3 : 1);
    });

    it('queues the former ID of each event, so that a backup and its restore keep both IDs', async () => {
      const partner = await mir.partner();
      const queue = mir.ctx.queues.events;
      await queue.pause();
      const events = [keyed('one'), keyed('two')];
      await post(partner.liveKey, { events });
      const [job] = await queue.getJobs();
      const { events: rows } = eventsQueue.parse(job!);
      expect(rows.map((row) => row[1])).toEqual(events.map((event) => formerId(liveTenant(partner), event)));
      // A backup decodes a queued job, and a restore encodes it again.
      const chunk = decodeChunk(eventsQueue.parse(job!));
      expect(eventsQueue.encode(encodeChunk(chunk))).toEqual(job!.data);
      await queue.resume();
      await mir.drained();
    });

    it.each(['the old job first', 'the resend first', 'both in one group'])(
      'stores only one event for a job from the previous version and its resend: %s',
      async (order) => {
        const partner = await mir.partner();
        const tenant = liveTenant(partner);
        const agent = await insertAgent(mir.ctx.store, partner);
        const queue = mir.ctx.queues.events;
        for (const [key, agentId] of [
          [partner.liveKey, null],
          [agent.apiKey, agent.agentId],
        ] as const) {
          const event = keyed(`order-${agentId ?? 'own'}`);
          if (order === 'both in one group') await queue.pause();
          let sent: TestResponse | undefined;
          if (order === 'the resend first') {
            sent = await post(key, event);
            await mir.drained();
          }
          const old = await queueAsFormerVersion(tenant, [event], agentId);
          if (order === 'the old job first') await mir.drained();
          sent ??= await post(key, event);
          await queue.resume();
          const { persisted, duplicates } = await receiptOf(partner, sent);
          await waitUntil('the old job is finalized', async () => (await partOf(tenant, old)) !== undefined);
          const oldDuplicates = (await partOf(tenant, old)).items.filter(
            ({ outcome }) => outcome === 'DUPLICATE',
          ).length;
          expect([persisted + duplicates, duplicates + oldDuplicates]).toEqual([1, 1]);
          expect(await storedIds(tenant)).toHaveLength(agentId === null ? 1 : 2);
        }
        expect(await countOf(partner)).toBe(2);
      },
    );

    it('stores only one event per key while two workers process old jobs and resends concurrently', async () => {
      const partner = await mir.partner();
      const tenant = liveTenant(partner);
      const events = Array.from({ length: 200 }, (_, n) => keyed(`k-${n}`, { userExternalId: `u-${n % 5}` }));
      await mir.startWorkers();
      const sent: TestResponse[] = [];
      for (let at = 0; at < events.length; at += 20) {
        const batch = events.slice(at, at + 20);
        const resend = post(partner.liveKey, { events: batch }).then((response) => sent.push(response));
        await Promise.all([
          queueAsFormerVersion(tenant, batch),
          resend,
          queueAsFormerVersion(tenant, batch.toReversed()),
        ]);
      }
      for (const response of sent)
        expect(await receiptOf(partner, response)).toMatchObject({ conflicts: 0, failed: 0 });
      expect(await storedIds(tenant)).toHaveLength(events.length);
      const rows = await mir.ctx.store.users.model.find({ tenant }).lean();
      expect(rows.reduce((sum, { eventCount }) => sum + eventCount, 0)).toBe(events.length);
    });

    it('does not store any event twice when a job runs again', async () => {
      const partner = await mir.partner();
      const tenant = liveTenant(partner);
      await storeAsFormerVersion(tenant, keyed('stored'));
      const queue = mir.ctx.queues.events;
      await queue.pause();
      const sent = await post(partner.liveKey, { events: [keyed('stored'), keyed('new')] });
      const [job] = await queue.getJobs();
      await queue.resume();
      const before = await receiptOf(partner, sent);
      expect(before).toMatchObject({ persisted: 1, duplicates: 1 });
      await queue.add(eventsQueue.name, job!.data, { ...eventsQueue.options, jobId: `${job!.id}again` });
      const { settledAt: _, ...after } = await receiptOf(partner, sent);
      expect(before).toMatchObject(after);
      expect(await countOf(partner)).toBe(2);
    });

    it('lists the event IDs returned at submission in the receipt for a job that cannot be read', async () => {
      const partner = await mir.partner();
      const queue = mir.ctx.queues.events;
      await queue.pause();
      const sent = await post(partner.liveKey, { events: [keyed('one'), anEvent()] });
      const [job] = await queue.getJobs();
      await job!.updateData({ ...job!.data, v: 99 });
      await queue.resume();
      const { failed, items } = await receiptOf(partner, sent);
      expect([failed, items.map(({ eventId }: { eventId: string }) => eventId)]).toEqual([2, sent.body.eventIds]);
      await queue.clean(0, 0, 'failed');
    });
  });

  it('looks up each keyed event by one ID in a new store and by two IDs in an upgraded store', async () => {
    const chunks: EventChunk[] = [];
    const upgraded = await serveUpgraded(new Date(1));
    const queue = mir.ctx.queues.events;
    await queue.pause();
    for (const client of [mir.client, upgraded.client]) {
      const { liveKey } = await mir.partner();
      await client.post('/v1/events', liveKey, { events: [keyed('one'), keyed('two'), anEvent()] });
      const [job] = await queue.getJobs();
      chunks.push(chunkOf(job!));
      await job!.remove();
    }
    await queue.resume();
    await upgraded.close();
    expect(await commitAndCountLookups(chunks.map((chunk) => [chunk]))).toEqual([2, 4]);
  });
});
