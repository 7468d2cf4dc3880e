import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ChunkId, Tenant } from '../../../../shared/domain/ids';
import { readConfig } from '../../../../shared/config/config';
import { decodeChunk, encodeChunk, type EventChunk, eventsQueue } from '../../../../shared/queue/event-chunk';
import { createCommitter } from '../../../../workers/events/committer';
import { withDerivedIds } from '../../../../workers/events/derive-event-ids';
import { createPartitionLocks } from '../../../../workers/events/partition-locks';
import { anEvent } from '../../../support/builders';
import type { TestAnswer } from '../../../support/client';
import type { Harness } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { type ServedApi, serveApi } from '../../../support/serve-api';
import { waitUntil } from '../../../support/wait-until';
import { formerId, formerStore, keyed, liveTenant, PHASES } from '../../../support/former-store';

const HOUR_MS = 3_600_000;

const former = formerStore();
const { countOf, queueFormerly, receiptOf, serveUpgraded, storedIds, storeFormerly } = former;

/** Commits chunks as a worker does. Returns the numbers of event ids that the queries of its transactions asked for. */
async function commitWatched(chunks: readonly (readonly EventChunk[])[]): Promise<number[]> {
  const { store, queueLink, keys, log, metrics, tracing, signalsCache: cache } = former.harness().ctx;
  const locks = createPartitionLocks(queueLink, keys);
  const { signal } = new AbortController();
  const committer = createCommitter({ store, queueLink, keys, cache, locks, log, metrics, tracing, signal });
  const lookedFor: number[] = [];
  store.connection.set('debug', (collection: string, method: string, filter: { _id?: { $in?: unknown[] } }) => {
    if (collection === 'events' && method === 'find' && filter._id?.$in) lookedFor.push(filter._id.$in.length);
  });
  try {
    for (const group of chunks) {
      const items = await Promise.all(group.map((chunk) => committer.commit(chunk, false)));
      expect(items).toEqual(group.map(() => []));
    }
  } finally {
    store.connection.set('debug', false);
  }
  return lookedFor;
}
const chunkOf = (job: { data: unknown }): EventChunk =>
  withDerivedIds(former.harness().ctx.secrets.eventId, decodeChunk(eventsQueue.parse(job)));
const partOf = async (tenant: Tenant, chunkId: ChunkId) =>
  (await former.harness().ctx.store.receipts.parts(tenant, [chunkId]))[0]!;

describe('event ids while versions run side by side', () => {
  it('a new store holds keyed ids from the start; one of an earlier version from an hour after its first API', async () => {
    const mir = former.harness();
    expect(mir.ctx.keyedIdsFromMs).toBe(0);
    const before = Date.now();
    const first = await serveUpgraded(null);
    const second = await serveApi(readConfig(mir.env));
    await Promise.all([first.close(), second.close()]);
    expect(first.ctx.keyedIdsFromMs).toBeGreaterThanOrEqual(before + HOUR_MS);
    expect(first.ctx.keyedIdsFromMs).toBeLessThanOrEqual(Date.now() + HOUR_MS);
    expect(second.ctx.keyedIdsFromMs).toBe(first.ctx.keyedIdsFromMs);
  });

  describe.each(PHASES)('on a store of the previous version, %s', (_when, keyedIdsFrom) => {
    const isKeyed = keyedIdsFrom !== null;
    let mir: Harness;
    let api: ServedApi;
    beforeAll(async () => {
      mir = former.harness();
      api = await serveUpgraded(keyedIdsFrom);
    });
    afterAll(() => api.close());
    const post = (key: string, body: unknown): Promise<TestAnswer> => api.client.post('/v1/events', key, body);

    it('stores events of several callers with one key in one commit group', async () => {
      const partner = await mir.partner();
      const agents = [await insertAgent(mir.ctx.store, partner), await insertAgent(mir.ctx.store, partner)];
      const queue = mir.ctx.queues.events;
      await queue.pause();
      const sent: TestAnswer[] = [];
      for (const key of [partner.liveKey, ...agents.map(({ apiKey }) => apiKey)])
        sent.push(await post(key, keyed('k')));
      const chunks = (await queue.getJobs()).map((job) => chunkOf(job));
      await queue.obliterate({ force: true });
      await queue.resume();
      expect(chunks).toHaveLength(3);
      expect(await commitWatched([chunks])).toEqual([6]);
      expect(await storedIds(liveTenant(partner))).toHaveLength(3);
      expect(new Set(sent.map(({ body }) => body.eventId)).size).toBe(isKeyed ? 3 : 1);
    });

    it('queues events as a worker of the previous version reads them', async () => {
      const partner = await mir.partner();
      const queue = mir.ctx.queues.events;
      await queue.pause();
      const events = [keyed('one'), keyed('two')];
      await post(partner.liveKey, { events });
      const [job] = await queue.getJobs();
      const { events: rows } = eventsQueue.parse(job!);
      expect([job!.data.v, rows.map((row) => [row.length, row[1]])]).toEqual([
        1,
        events.map((event) => [8, formerId(liveTenant(partner), event)]),
      ]);
      // A backup reads a queued job and queues it again.
      const chunk = decodeChunk(eventsQueue.parse(job!));
      expect(eventsQueue.encode(encodeChunk(chunk))).toEqual(job!.data);
      await queue.resume();
      await mir.drained();
    });

    it.each(['the old job first', 'the resend first', 'both in one group'])(
      'stores one event for a queued job of the previous version and a resend: %s',
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
          let sent: TestAnswer | undefined;
          if (order === 'the resend first') {
            sent = await post(key, event);
            await mir.drained();
          }
          const old = await queueFormerly(tenant, [event], agentId);
          if (order === 'the old job first') await mir.drained();
          sent ??= await post(key, event);
          await queue.resume();
          const { persisted, duplicates } = await receiptOf(partner, sent);
          await waitUntil('the old job is settled', async () => (await partOf(tenant, old)) !== undefined);
          const oldDuplicates = (await partOf(tenant, old)).items.filter(
            ({ outcome }) => outcome === 'DUPLICATE',
          ).length;
          expect([persisted + duplicates, duplicates + oldDuplicates]).toEqual([1, 1]);
          expect(await storedIds(tenant)).toHaveLength(agentId === null ? 1 : 2);
        }
        expect(await countOf(partner)).toBe(2);
      },
    );

    it('stores one event for each key when two workers race with old jobs and resends', async () => {
      const partner = await mir.partner();
      const tenant = liveTenant(partner);
      const events = Array.from({ length: 200 }, (_, n) => keyed(`k-${n}`, { userExternalId: `u-${n % 5}` }));
      await mir.startWorkers();
      const sent: TestAnswer[] = [];
      for (let at = 0; at < events.length; at += 20) {
        const some = events.slice(at, at + 20);
        const resend = post(partner.liveKey, { events: some }).then((answer) => sent.push(answer));
        await Promise.all([queueFormerly(tenant, some), resend, queueFormerly(tenant, some.toReversed())]);
      }
      for (const answer of sent) expect(await receiptOf(partner, answer)).toMatchObject({ conflicts: 0, failed: 0 });
      expect(await storedIds(tenant)).toHaveLength(events.length);
      const rows = await mir.ctx.store.users.model.find({ tenant }).lean();
      expect(rows.reduce((sum, { eventCount }) => sum + eventCount, 0)).toBe(events.length);
    });

    it('stores nothing again when a job is repeated', async () => {
      const partner = await mir.partner();
      const tenant = liveTenant(partner);
      await storeFormerly(tenant, keyed('stored'));
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

    it('names the returned ids in the receipt of a job that cannot be read', async () => {
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

  it('a commit looks for each keyed event under one id in a new store, and under two in one of the previous version', async () => {
    const mir = former.harness();
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
    expect(await commitWatched(chunks.map((chunk) => [chunk]))).toEqual([2, 4]);
  });
});
