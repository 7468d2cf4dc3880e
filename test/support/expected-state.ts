import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { SubmittedEvent } from '../../shared/domain/event';
import { type Tenant, tenantOf } from '../../shared/domain/ids';
import { userRefOf } from '../../shared/domain/subject';
import type { RedisLink } from '../../shared/redis/connect';
import { eventsQueue } from '../../shared/queue/event-chunk';
import { ABANDONED_AFTER_MS, sweepReservations, sweepOpenChunks } from '../../shared/queue/sweep-open-chunks';
import { anEvent } from './builders';
import type { ApiClient, TestAnswer } from './client';
import type { Harness, TestPartner } from './harness';
import { viewQueue } from './queue-view';
import { waitUntil } from './wait-until';

const RESOLVE_MAX = 100;
const READS_AT_ONCE = 50;
/** A dead worker's jobs go to another after at most about 20 s. */
const DRAIN_TIMEOUT_MS = 90_000;

/** What a partner was promised: every accepted event, and whose it is. */
export interface ExpectedState {
  partner: TestPartner;
  tenant: Tenant;
  /** Every event id that got a 202, with its user. */
  events: Map<string, string>;
  receiptIds: string[];
  /** Answered 503, which leaves open whether they were stored: none, unless the machine is very busy. */
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

/** `count` events without keys, spread over `users` users named `<name>-<n>`. */
export function someEvents(count: number, users: number, name = 'u'): SubmittedEvent[] {
  return Array.from({ length: count }, (_, n) => anEvent({ userExternalId: `${name}-${n % users}` }));
}

/** The same with a key each, so that a refused submission can be sent again. */
export function someKeyedEvents(count: number, users: number, name = 'u'): SubmittedEvent[] {
  return someEvents(count, users, name).map((event) => ({ ...event, idempotencyKey: randomUUID() }));
}

/** Submits a batch and enters it into the books when it is accepted. Answers the status. */
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
): Promise<TestAnswer> {
  const answer = await client.post('/v1/events', expectedState.partner.liveKey, { events });
  const { status, body } = answer;
  if (status !== 202) {
    expectedState.rejected.batches += 1;
    expectedState.rejected.unkeyedEvents += events.filter(({ idempotencyKey }) => idempotencyKey === undefined).length;
    return answer;
  }
  events.forEach(({ userExternalId }, n) => expectedState.events.set(body.eventIds[n], userExternalId));
  expectedState.receiptIds.push(body.receiptId);
  return answer;
}

/**
 * Submits until it is accepted, as the contract asks of a client: OVERLOADED says "send it again" (on a busy machine
 * even without a fault), anything else fails the test.
 */
export async function accepted(
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

/** Jobs of the events queue that wait or are at work. */
async function unfinishedJobs(mir: Harness): Promise<number> {
  const counts = await viewQueue(mir).queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed');
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

export async function drainedAtLast(mir: Harness): Promise<void> {
  await waitUntil('the queue is drained', async () => (await unfinishedJobs(mir)) === 0, DRAIN_TIMEOUT_MS);
}

/** What is left in the queue store of chunks that are done: nothing, if all is well. */
export async function leftMarks(mir: Harness, tenant: Tenant): Promise<unknown> {
  const { redis } = viewQueue(mir);
  const { keys } = mir.ctx;
  return {
    openChunks: await redis.zrange(keys.openChunks(tenant), 0, -1),
    reservations: await redis.hgetall(keys.reservations(eventsQueue.name)),
    reservedBytes: await redis.get(keys.reservedBytes(eventsQueue.name)),
  };
}
export const NO_MARKS = { openChunks: [], reservations: {}, reservedBytes: null };

/** What the sweeps do a minute later: ends the marks of submissions that were cut off before their job was added. */
export async function sweepNow(mir: Harness, { tenant }: ExpectedState): Promise<void> {
  const { keys } = mir.ctx;
  const link = patientLink(mir);
  const later = Date.now() + 2 * ABANDONED_AFTER_MS;
  await sweepOpenChunks(link, keys, tenant, later);
  await sweepReservations(link, keys, later);
}

/** The product's link, but over the observer's connection. */
export function patientLink(mir: Harness): RedisLink {
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

/** How often each user stands in a list that names one an event. */
function countByUser(users: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const user of users) counts[user] = (counts[user] ?? 0) + 1;
  return counts;
}

export function expectedCounts({ events }: ExpectedState): Record<string, number> {
  return countByUser(events.values());
}

/** Reads receipts; each must be there. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests read answers as their users do: without our types
export async function receiptsOf(client: ApiClient, { partner, receiptIds }: ExpectedState): Promise<any[]> {
  const receipts: TestAnswer[] = [];
  for (let at = 0; at < receiptIds.length; at += READS_AT_ONCE) {
    const ids = receiptIds.slice(at, at + READS_AT_ONCE);
    receipts.push(...(await Promise.all(ids.map((id) => client.get(`/v1/events/receipts/${id}`, partner.liveKey)))));
  }
  expect(receipts.filter(({ status }) => status !== 200)).toEqual([]);
  return receipts.map(({ body }) => body);
}

/**
 * Waits until the queue is drained; then everything that was accepted, and nothing else, is stored exactly once,
 * counted, resolved and settled, no job failed and no mark is left. (Of what was refused without a key, some may be
 * stored too; then it is counted once as well.)
 */
export async function expectBalanced(
  mir: Harness,
  expectedState: ExpectedState,
  client: ApiClient = mir.client,
): Promise<void> {
  const { tenant, events, rejected } = expectedState;
  const { store, secrets } = mir.ctx;
  await drainedAtLast(mir);
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
    userRefOf(secrets.subject, tenant, user),
    count,
  ]);
  expect(Object.fromEntries(resolved)).toEqual(counts);

  const statuses = (await receiptsOf(client, expectedState)).map(({ status }) => status as string);
  expect(statuses).toEqual(expectedState.receiptIds.map(() => 'DONE'));
  expect(await viewQueue(mir).queue.getFailedCount()).toBe(0);
  expect(await leftMarks(mir, tenant)).toEqual(NO_MARKS);
}
