import { currentShards } from '../../shared/queue/event-shards';
import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { SubmittedEvent } from '../../shared/domain/event';
import { type Tenant, tenantOf } from '../../shared/domain/ids';
import type { RedisLink } from '../../shared/redis/link';
import { ABANDONED_AFTER_MS, sweepReservations, sweepOpenChunks } from '../../shared/queue/sweep-open-chunks';
import { anEvent } from './builders';
import type { ApiClient, TestResponse } from './client';
import type { Harness, TestPartner } from './harness';
import { viewQueue } from './queue-view';
import { waitUntil } from './wait-until';

const RESOLVE_MAX = 100;
const READS_AT_ONCE = 50;
/** Long, because a dead worker's jobs wait up to 20 s before another worker takes them over. */
const DRAIN_TIMEOUT_MS = 90_000;

/** The fields of a receipt that tests compare. */
interface ReceiptBody {
  status: string;
  failed: number;
  items?: { index: number; outcome: string }[];
}

/** The events that MIR has accepted from a partner so far, and their receipts. */
export interface ExpectedState {
  partner: TestPartner;
  tenant: Tenant;
  /** The user of every accepted event, by event ID. */
  events: Map<string, string>;
  receiptIds: string[];
  /**
   * The number of rejected batches, and the number of events without idempotency keys in these batches. MIR may have
   * stored these events anyway.
   */
  rejected: { batches: number; unkeyedEvents: number };
}

export function newExpectedState(partner: TestPartner): ExpectedState {
  return {
    partner,
    tenant: tenantOf(partner.key.partnerId, 'live'),
    events: new Map(),
    receiptIds: [],
    rejected: { batches: 0, unkeyedEvents: 0 },
  };
}

/** Returns `count` events without idempotency keys, rotating among the users `<name>-0` to `<name>-<users - 1>`. */
export function someEvents(count: number, users: number, name = 'u'): SubmittedEvent[] {
  return Array.from({ length: count }, (_, n) => anEvent({ userExternalId: `${name}-${n % users}` }));
}

/** Like `someEvents`, but with idempotency keys, so that a rejected submission can be retried. */
export function someKeyedEvents(count: number, users: number, name = 'u'): SubmittedEvent[] {
  return someEvents(count, users, name).map((event) => ({ ...event, idempotencyKey: randomUUID() }));
}

/** Submits a batch, records its events as expected if MIR accepts it, and returns the status. */
export async function submit(
  client: ApiClient,
  expectedState: ExpectedState,
  events: SubmittedEvent[],
): Promise<number> {
  return (await trySubmit(client, expectedState, events)).status;
}

async function trySubmit(
  client: ApiClient,
  expectedState: ExpectedState,
  events: SubmittedEvent[],
): Promise<TestResponse> {
  const response = await client.post('/v1/events', expectedState.partner.liveKey, { events });
  const { status, body } = response;
  if (status !== 202) {
    expectedState.rejected.batches += 1;
    expectedState.rejected.unkeyedEvents += events.filter(({ idempotencyKey }) => idempotencyKey === undefined).length;
    return response;
  }
  events.forEach(({ userExternalId }, n) => expectedState.events.set(body.eventIds[n], userExternalId));
  expectedState.receiptIds.push(body.receiptId);
  return response;
}

/**
 * Retries a batch until it is accepted, as the contract requires of clients. Retries only after OVERLOADED, which can
 * occur on a busy machine even without a fault.
 */
export async function submitUntilAccepted(
  client: ApiClient,
  expectedState: ExpectedState,
  events: SubmittedEvent[],
): Promise<void> {
  await waitUntil('the events are accepted', async () => {
    const { status, body } = await trySubmit(client, expectedState, events);
    if (status === 202) return true;
    expect(body).toMatchObject({ code: 'OVERLOADED' });
    return false;
  });
}

/** Returns the number of waiting and active jobs in the events queue. */
async function unfinishedJobs(mir: Harness): Promise<number> {
  const counts = await viewQueue(mir).queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed');
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

export async function waitUntilDrained(mir: Harness): Promise<void> {
  await waitUntil('the queue is drained', async () => (await unfinishedJobs(mir)) === 0, DRAIN_TIMEOUT_MS);
}

/** Returns the marks of a tenant's chunks that remain in Redis. Equal to `NO_MARKS` once all chunks are finalized. */
export async function remainingMarks(mir: Harness, tenant: Tenant): Promise<unknown> {
  const { redis } = viewQueue(mir);
  const { keys } = mir.ctx;
  const shard = keys.eventShardOf(tenant);
  return {
    openChunks: await redis.zrange(keys.openChunks(tenant), 0, -1),
    reservations: await redis.hgetall(keys.reservations(shard)),
    reservedBytes: await redis.get(keys.reservedBytes(shard)),
    partnerBytes: await redis.hgetall(keys.partnerBytes(shard)),
    bulkClock: await redis.hgetall(keys.bulkClock(shard)),
  };
}
export const NO_MARKS = { openChunks: [], reservations: {}, reservedBytes: null, partnerBytes: {}, bulkClock: {} };

/**
 * Runs the sweeps with a time in the future, so that they remove the marks of submissions whose job was never added.
 */
export async function sweepNow(mir: Harness, { tenant }: ExpectedState): Promise<void> {
  const { keys } = mir.ctx;
  const link = queueViewLink(mir);
  const later = Date.now() + 2 * ABANDONED_AFTER_MS;
  // Each call sweeps one page.
  while ((await sweepOpenChunks(link, keys, tenant, later)) > 0);
  for (const shard of currentShards(keys)) await sweepReservations(link, keys, shard, later);
}

/** Returns the API's Redis link with its client replaced by the queue view's client, which waits out an outage. */
export function queueViewLink(mir: Harness): RedisLink {
  return { ...mir.ctx.queueLink, client: viewQueue(mir).redis };
}

export async function resolvedCounts(client: ApiClient, expectedState: ExpectedState): Promise<Record<string, number>> {
  const users = [...new Set(expectedState.events.values())];
  const counts: Record<string, number> = {};
  for (let at = 0; at < users.length; at += RESOLVE_MAX) {
    const userExternalIds = users.slice(at, at + RESOLVE_MAX);
    const { status, body } = await client.post('/v1/resolve', expectedState.partner.liveKey, { userExternalIds });
    expect(status).toBe(200);
    for (const { userExternalId, eventCount } of body.results) counts[userExternalId] = eventCount;
  }
  return counts;
}

/** Counts how often each user occurs. */
function countByUser(users: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const user of users) counts[user] = (counts[user] ?? 0) + 1;
  return counts;
}

export function expectedCounts({ events }: ExpectedState): Record<string, number> {
  return countByUser(events.values());
}

/** Reads all receipts. Fails the test if a receipt does not exist. */
export async function receiptsOf(client: ApiClient, { partner, receiptIds }: ExpectedState): Promise<ReceiptBody[]> {
  const receipts: TestResponse[] = [];
  for (let at = 0; at < receiptIds.length; at += READS_AT_ONCE) {
    const ids = receiptIds.slice(at, at + READS_AT_ONCE);
    receipts.push(...(await Promise.all(ids.map((id) => client.get(`/v1/events/receipts/${id}`, partner.liveKey)))));
  }
  expect(receipts.filter(({ status }) => status !== 200)).toEqual([]);
  return receipts.map(({ body }) => body as ReceiptBody);
}

/** Returns the IDs of the accepted events that MongoDB contains, and of those that it does not. */
export async function findAccepted(mir: Harness, { tenant, events }: ExpectedState) {
  const stored = await mir.ctx.store.events.model.find({ tenant }, { _id: 1 }).lean();
  const known = new Set(stored.map(({ _id }) => _id as string));
  const accepted = [...events.keys()];
  return { stored: accepted.filter((id) => known.has(id)), lost: accepted.filter((id) => !known.has(id)) };
}

/**
 * Waits until the queue is drained. Then expects that every accepted event is stored and counted exactly once, that all
 * receipts are finalized, that no job failed, and that no marks are left. The only other events that may be stored are
 * those without idempotency keys from rejected submissions. If stored, they must be counted.
 */
export async function expectBalanced(
  mir: Harness,
  expectedState: ExpectedState,
  client: ApiClient = mir.client,
): Promise<void> {
  const { tenant, events, rejected } = expectedState;
  const { store, secrets } = mir.ctx;
  await waitUntilDrained(mir);
  if (rejected.batches > 0) await sweepNow(mir, expectedState);
  const stored = await store.events.model.find({ tenant }, { _id: 1, userRef: 1 }).lean();
  const ids = stored.map(({ _id }) => _id as string);
  const known = new Set(ids);
  expect([...events.keys()].filter((id) => !known.has(id))).toEqual([]);
  expect(ids.length - events.size).toBeLessThanOrEqual(rejected.unkeyedEvents);

  const counts = countByUser(stored.map(({ userRef }) => userRef));
  const users = await store.users.model.find({ tenant }).lean();
  expect(Object.fromEntries(users.map(({ _id, eventCount }) => [_id, eventCount]))).toEqual(counts);
  const resolved = Object.entries(await resolvedCounts(client, expectedState)).map(([user, count]) => [
    secrets.userRef(tenant, user),
    count,
  ]);
  expect(Object.fromEntries(resolved)).toEqual(counts);

  const statuses = (await receiptsOf(client, expectedState)).map(({ status }) => status);
  expect(statuses).toEqual(expectedState.receiptIds.map(() => 'DONE'));
  expect(await viewQueue(mir).queue.getFailedCount()).toBe(0);
  expect(await remainingMarks(mir, tenant)).toEqual(NO_MARKS);
}
