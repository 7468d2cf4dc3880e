import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Worker } from 'bullmq';
import { createMetrics } from '../../../../shared/metrics/metrics';
import { JOB_FIELDS, queueKeys } from '../../../../shared/queue/bullmq-internals';
import { eventsQueue } from '../../../../shared/queue/event-chunk';
import { QUEUE_NAMES } from '../../../../shared/queue/queues';
import { OUTBOXES } from '../../../../shared/store/store';
import { tenantOf } from '../../../../shared/domain/ids';
import { gaugeReadings, STALE_AFTER_MS } from '../../../../workers/maintenance/read-gauges';
import { growTree } from '../../../support/grow-tree';
import { type Harness, startHarness } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { rawCollection } from '../../../support/raw-collection';
import { waitUntil } from '../../../support/wait-until';
import type { Tenant, UserRef } from '../../../../shared/domain/ids';
import { workerLink } from '../../../support/worker-link';

const HOUR_MS = 3_600_000;

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
});
afterAll(() => mir.close());

function createReader() {
  const metrics = createMetrics('worker');
  const { store, queueLink, keys } = mir.ctx;
  const readings = gaugeReadings({ store, link: queueLink, keys, metrics });
  return {
    readAll: () => Promise.all(readings.map(({ read }) => read(0))),
    shown: async (name: string, labels: Record<string, string> = {}): Promise<number | undefined> => {
      const { values } = await metrics.registry.getSingleMetric(name)!.get();
      return values.find((one) => Object.entries(labels).every(([label, value]) => one.labels[label] === value))?.value;
    },
  };
}

describe('gaugeReadings', () => {
  it('does not report any values before the first reading, because 0 would look healthy', async () => {
    const { shown } = createReader();
    const names = ['mir_queue_jobs', 'mir_queue_longest_active_seconds', 'mir_outbox_overdue_seconds'];
    for (const name of [...names, 'mir_audit_seal_lag_seconds', 'mir_cascade_oldest_open_seconds']) {
      expect(await shown(name)).toBeUndefined();
    }
  });

  it('reports 0 as the time of a reading that has never succeeded, so the reading counts as overdue', async () => {
    const { shown } = createReader();
    for (const what of ['queues', 'cascades', 'audit', 'outbox', 'webhooks', 'backups']) {
      expect(await shown('mir_gauges_read_timestamp_seconds', { what })).toBe(0);
    }
  });

  it('reports the depth of every queue and the age of its oldest waiting job, across all priorities', async () => {
    const ageOf = async (queue: string): Promise<number> => {
      const { readAll, shown } = createReader();
      await readAll();
      return (await shown('mir_queue_oldest_waiting_seconds', { queue }))!;
    };
    for (const name of QUEUE_NAMES) {
      const queue = mir.ctx.queues[name];
      try {
        expect(await ageOf(name)).toBe(0);
        const now = Date.now();
        await queue.add('one', {}, { timestamp: now - HOUR_MS });
        await queue.add('two', {}, { timestamp: now });
        expect(await ageOf(name)).toBeCloseTo(3_600, -2);
        await queue.add('three', {}, { timestamp: now, priority: 1 });
        await queue.add('four', {}, { timestamp: now - 2 * HOUR_MS, priority: 7 });
        await queue.add('five', {}, { timestamp: now - HOUR_MS, priority: 1_000 });
        expect(await ageOf(name)).toBeCloseTo(7_200, -2);

        const { readAll, shown } = createReader();
        await readAll();
        expect(await shown('mir_queue_jobs', { queue: name, state: 'waiting' })).toBe(2);
        expect(await shown('mir_queue_jobs', { queue: name, state: 'prioritized' })).toBe(3);
        expect(await shown('mir_dead_letters', { queue: name })).toBe(0);
      } finally {
        await queue.obliterate({ force: true });
        await queue.close();
      }
    }
  });

  it('reports how long the longest-running job has been active, regardless of queue order', async () => {
    const { queueLink, keys } = mir.ctx;
    const prefix = keys.queuePrefix(eventsQueue.name);
    const queue = mir.ctx.queues.events;
    const own = workerLink(mir.env);
    const worker = new Worker(eventsQueue.name, null, { ...own.bullmq, prefix });
    const longest = async (): Promise<number> => {
      const { readAll, shown } = createReader();
      await readAll();
      return (await shown('mir_queue_longest_active_seconds', { queue: eventsQueue.name }))!;
    };
    try {
      await queue.add('waits', {}, { timestamp: Date.now() - HOUR_MS });
      expect(await longest()).toBe(0);
      await queue.addBulk([
        { name: 'two', data: {} },
        { name: 'three', data: {} },
      ]);
      const taken = [];
      for (const token of ['1', '2', '3']) taken.push(await worker.getNextJob(token));
      expect(await longest()).toBeLessThan(60);
      const key = queueKeys(keys, eventsQueue.name).job(taken[1]!.id!);
      await queueLink.client.hset(key, JOB_FIELDS.takenAtMs, Date.now() - HOUR_MS);
      expect(await longest()).toBeCloseTo(3_600, -2);
    } finally {
      await worker.close(true);
      await own.close();
      await queue.obliterate({ force: true });
    }
  });

  it('reports how long outbox rows have been overdue, ignoring rows that are not due yet', async () => {
    const { cacheOutbox, deliveries, erasures, queuedMails } = mir.ctx.store;
    const overdue = async (rows: string): Promise<number> => {
      const { readAll, shown } = createReader();
      await readAll();
      return (await shown('mir_outbox_overdue_seconds', { rows }))!;
    };
    const at = (ms: number): Date => new Date(Date.now() + ms);
    const delivery = { status: 'OPEN' as const, attempts: 0, type: 'link.confirmed' as const, body: '{}' };
    const erasure = { status: 'RUNNING' as const, eventsErased: 0, erasedAt: at(0), expireAt: at(HOUR_MS) };
    const rest = { tenant: 'prt_a:live' as Tenant, userRef: 'u' as UserRef, createdAt: at(0), expireAt: at(HOUR_MS) };
    for (const [id, ms] of [
      ['later', HOUR_MS],
      ['long-ago', -HOUR_MS],
    ] as const) {
      await queuedMails.insert({ _id: id, identityId: 'idn_none', reason: 'RESET' }, at(ms));
      await queuedMails.model.updateOne({ _id: id }, { $set: { expireAt: at(HOUR_MS) } });
      await cacheOutbox.model.create({ _id: id, userRefs: [], identities: [], dueAt: at(ms) });
      await deliveries.model.create({ _id: id, ...delivery, ...rest, nextLookAt: at(ms) });
      await erasures.model.create({
        _id: id,
        ...erasure,
        tenant: rest.tenant,
        userRef: rest.userRef,
        nextLookAt: at(ms),
      });
      const expected = ms > 0 ? 0 : 3_600;
      for (const rows of OUTBOXES) {
        expect([rows, Math.round((await overdue(rows)) / 10) * 10]).toEqual([rows, expected]);
      }
    }
    await deliveries.model.updateMany({}, { $set: { status: 'DELIVERED' } });
    await erasures.model.updateMany({}, { $set: { status: 'DONE' } });
    await cacheOutbox.model.deleteMany({});
    await queuedMails.dropAll('idn_none');
    for (const rows of OUTBOXES) expect(await overdue(rows)).toBe(0);
  });

  it('reports the age of an open cascade and the age of an unsealed audit entry', async () => {
    const { partnerId, liveKey } = await mir.partner();
    const [root] = await growTree(mir.ctx.store, tenantOf(partnerId, 'live'), 3);
    await mir.client.post(`/v1/agents/${root!.agentId}/revoke-descendants`, liveKey, {});
    const old = new Date(Date.now() - HOUR_MS);
    await mir.ctx.store.cascades.model.updateMany({}, { $set: { createdAt: old } });
    await mir.ctx.store.audit.model.updateMany({}, { $set: { at: old } });
    const { readAll, shown } = createReader();
    await readAll();
    expect(await shown('mir_cascades_open', { status: 'RUNNING' })).toBe(1);
    expect(await shown('mir_cascade_oldest_open_seconds')).toBeCloseTo(3_600, -2);
    expect(await shown('mir_audit_seal_lag_seconds')).toBeCloseTo(3_600, -2);
    expect(await shown('mir_audit_unsealed')).toBeGreaterThan(0);
  });

  it('reports the age of the oldest push that a receiver has not acknowledged, but not of webhook messages', async () => {
    const { partnerId, liveKey } = await mir.partner();
    const { agentId } = await insertAgent(mir.ctx.store, { partnerId });
    const age = async (): Promise<number> => {
      const { readAll, shown } = createReader();
      await readAll();
      return (await shown('mir_receiver_oldest_unacknowledged_seconds'))!;
    };
    const url = 'https://harbour.example/kills';
    await mir.client.post('/v1/webhooks', liveKey, { url });
    await mir.client.post(`/v1/agents/${agentId}/suspend`, liveKey, {});
    const { deliveries } = mir.ctx.store;
    const old = { createdAt: new Date(Date.now() - HOUR_MS) };
    const ofTenant = { tenant: tenantOf(partnerId, 'live') };
    expect((await deliveries.model.updateMany(ofTenant, { $set: old })).matchedCount).toBe(1);
    expect(await age()).toBe(0);
    await mir.client.post('/v1/receivers', liveKey, { url, format: 'SET' });
    await mir.client.post(`/v1/agents/${agentId}/reactivate`, liveKey, {});
    await deliveries.model.updateMany({ ...ofTenant, format: 'SET' }, { $set: old });
    expect(await age()).toBeCloseTo(3_600, -2);
    await deliveries.model.updateMany({ ...ofTenant, format: 'SET' }, { $set: { status: 'DELIVERED' } });
    expect(await age()).toBe(0);
  });

  it('removes values that can no longer be read, and keeps the time of the last reading', async () => {
    const own = await startHarness({ workers: false });
    try {
      const metrics = createMetrics('worker');
      const { store, queueLink, keys } = own.ctx;
      const queues = gaugeReadings({ store, link: queueLink, keys, metrics }).find(({ what }) => what === 'queues')!;
      await queues.read(0);
      const readAt = await metrics.readAtSeconds.get();
      queueLink.client.disconnect();
      await expect(queues.read(STALE_AFTER_MS)).rejects.toBeInstanceOf(Error);
      expect((await metrics.queueJobs.get()).values.length).toBeGreaterThan(0);
      await expect(queues.read(STALE_AFTER_MS + 1)).rejects.toBeInstanceOf(Error);
      expect((await metrics.queueJobs.get()).values).toEqual([]);
      expect(await metrics.readAtSeconds.get()).toEqual(readAt);
    } finally {
      const { client } = own.ctx.queueLink;
      await waitUntil('the connection has ended', () => ['close', 'end'].includes(client.status));
      await client.connect();
      await own.close();
    }
  });

  it('counts webhook endpoints that have failed for 15 minutes and are enabled, without receivers', async () => {
    const endpoints = rawCollection(mir.ctx.store.webhooks.model);
    const [hourAgo, now] = [new Date(Date.now() - HOUR_MS), new Date()];
    await endpoints.insertMany([
      { _id: 'whe_failing', failingSince: hourAgo },
      { _id: 'whe_recently', failingSince: now },
      { _id: 'whe_disabled', failingSince: hourAgo, disabledAt: now },
      { _id: 'rcv_failing', failingSince: hourAgo, format: 'SET', receiverSlot: 0 },
    ]);
    const { readAll, shown } = createReader();
    await readAll();
    expect(await shown('mir_webhooks_failing')).toBe(1);
    expect(await shown('mir_webhooks_disabled')).toBe(1);
  });
});
