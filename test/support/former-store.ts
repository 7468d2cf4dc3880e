import { createHash } from 'node:crypto';
import { afterAll, beforeAll } from '@jest/globals';
import { fingerprintOf, type SubmittedEvent } from '../../shared/domain/event';
import { type ChunkId, type EventId, newChunkId, type Tenant, tenantOf } from '../../shared/domain/ids';
import { readConfig } from '../../shared/config/config';
import { eventsQueue } from '../../shared/queue/event-chunk';
import type { EventDoc } from '../../shared/store/events';
import { anEvent } from './builders';
import type { TestResponse } from './client';
import { type Harness, startHarness, type TestPartner } from './harness';
import { type ServedApi, serveApi } from './serve-api';

export type Keyed = SubmittedEvent & { idempotencyKey: string };
export const keyed = (idempotencyKey: string, changes: Partial<SubmittedEvent> = {}): Keyed => ({
  ...anEvent(changes),
  idempotencyKey,
});
export const liveTenant = ({ partnerId }: TestPartner): Tenant => tenantOf(partnerId, 'live');

/**
 * The phases of the rollout, each with the time when MIR starts using keyed IDs. Null means an hour after an API
 * starts.
 */
export const PHASES: [string, Date | null][] = [
  ['while processes of the previous version may run', null],
  ['after the rollout', new Date(1)],
];

/** Returns the ID that the previous version assigned to an event. */
export function formerId(tenant: Tenant, { idempotencyKey }: Keyed): EventId {
  const digest = createHash('sha256').update(`${tenant}|${idempotencyKey}`).digest('base64url');
  return `evt_live_k${digest.slice(0, 24)}` as EventId;
}

/** Starts a harness and returns functions that write data as the previous version did. */
export function formerStore() {
  let mir: Harness;
  beforeAll(async () => {
    mir = await startHarness();
  });
  afterAll(() => mir.close());
  const refOf = (tenant: Tenant, { userExternalId }: SubmittedEvent) => mir.ctx.secrets.userRef(tenant, userExternalId);

  /** Stores an event as a worker of the previous version did. */
  const storeAsFormerVersion = async (tenant: Tenant, event: Keyed, agentId?: string): Promise<EventId> => {
    const at = new Date('2026-01-31T12:00:00Z');
    const userRef = refOf(tenant, event);
    const doc: EventDoc = {
      _id: formerId(tenant, event),
      tenant,
      userRef,
      eventType: event.eventType,
      occurredAt: at,
      receivedAt: at,
      weight: event.weight ?? 1,
      ...(agentId === undefined ? {} : { agentId }),
      chunkId: newChunkId(at.getTime()),
      index: 0,
      fingerprint: fingerprintOf(userRef, event),
    };
    await mir.ctx.store.events.model.create(doc);
    await mir.ctx.store.users.model.updateOne(
      { _id: userRef },
      { $setOnInsert: { tenant }, $inc: { eventCount: 1, revision: 1 }, $set: { firstEventAt: at, lastEventAt: at } },
      { upsert: true },
    );
    return doc._id;
  };

  /** Queues a job as an API of the previous version did. */
  const queueAsFormerVersion = async (
    tenant: Tenant,
    events: Keyed[],
    agentId: string | null = null,
  ): Promise<ChunkId> => {
    const receivedAtMs = Date.now();
    const chunkId = newChunkId(receivedAtMs);
    const rows = events.map((event, index) => {
      const userRef = refOf(tenant, event);
      const { eventType, weight = null } = event;
      return [index, formerId(tenant, event), userRef, eventType, null, weight, null, fingerprintOf(userRef, event)];
    });
    const facts = { v: 1, chunkId, tenant, agentId, receivedAtMs, requestIds: ['r'], shared: false };
    const data = { ...facts, events: rows };
    await mir.ctx.queues.events.add(eventsQueue.name, data, { ...eventsQueue.options, jobId: chunkId });
    return chunkId;
  };

  /** Starts an API on the previous version's database. If `keyedIdsFrom` is null, the API sets the time itself. */
  const serveUpgraded = async (keyedIdsFrom: Date | null): Promise<ServedApi> => {
    const change = keyedIdsFrom ? { $set: { keyedIdsFrom } } : { $unset: { keyedIdsFrom: 1 as const } };
    await mir.ctx.store.connection
      .collection<{ _id: string; keyedIdsFrom?: Date }>('meta')
      .updateOne({ _id: 'store' }, change);
    return serveApi(readConfig(mir.env));
  };

  return {
    harness: () => mir,
    storeAsFormerVersion,
    queueAsFormerVersion,
    serveUpgraded,
    storedIds: async (tenant: Tenant): Promise<EventId[]> =>
      (await mir.ctx.store.events.model.find({ tenant }, { _id: 1 }).lean()).map(({ _id }) => _id),
    /** Returns the event count of the user `u-1`. */
    countOf: async ({ liveKey }: TestPartner): Promise<number> =>
      (await mir.client.post('/v1/resolve', liveKey, { userExternalId: 'u-1' })).body.eventCount,
    receiptOf: async ({ liveKey }: TestPartner, { body }: TestResponse): Promise<TestResponse['body']> => {
      await mir.drained();
      return (await mir.client.get(`/v1/events/receipts/${body.receiptId}`, liveKey)).body;
    },
  };
}
