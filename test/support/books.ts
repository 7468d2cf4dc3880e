import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { SubmittedEvent } from '../../shared/domain/event';
import { type Tenant, tenantOf } from '../../shared/domain/ids';
import { userRefOf } from '../../shared/domain/subject';
import { QUEUES } from '../../shared/queue/jobs';
import { ABANDONED_AFTER_MS, sweepLedger, sweepOpenChunks } from '../../shared/queue/sweep';
import { anEvent } from './builders';
import type { ApiClient, TestAnswer } from './client';
import type { Harness, TestPartner } from './harness';
import { waitUntil } from './wait-until';

const RESOLVE_MAX = 100;
const READS_AT_ONCE = 50;
/** A dead worker's jobs go to another after at most about 20 s. */
const DRAIN_TIMEOUT_MS = 90_000;

/** What a partner was promised: every accepted event, and whose it is. */
export interface Books {
  partner: TestPartner;
  tenant: Tenant;
  /** Every event id that got a 202, with its user. */
  events: Map<string, string>;
  receiptIds: string[];
}

export function newBooks(partner: TestPartner): Books {
  return { partner, tenant: tenantOf(partner.key.partnerId, 'live'), events: new Map(), receiptIds: [] };
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
export async function submit(client: ApiClient, books: Books, events: SubmittedEvent[]): Promise<number> {
  return (await trySubmit(client, books, events)).status;
}

async function trySubmit(client: ApiClient, books: Books, events: SubmittedEvent[]): Promise<TestAnswer> {
  const answer = await client.post('/v1/events', books.partner.liveKey, { events });
  const { status, body } = answer;
  if (status !== 202) return answer;
  events.forEach(({ userExternalId }, n) => books.events.set(body.eventIds[n], userExternalId));
  books.receiptIds.push(body.receiptId);
  return answer;
}

/** Submits a batch that must be accepted. */
export async function accepted(client: ApiClient, books: Books, events: SubmittedEvent[]): Promise<void> {
  const { status, body } = await trySubmit(client, books, events);
  expect({ status, problem: body.detail }).toEqual({ status: 202, problem: undefined });
}

/** Submits until it is accepted: with keyed events a repeat stores nothing twice. */
export async function acceptedAtLast(client: ApiClient, books: Books, events: SubmittedEvent[]): Promise<void> {
  await waitUntil('events are accepted again', async () => (await submit(client, books, events)) === 202);
}

/** Jobs of the events queue that wait or are at work. */
export async function unfinishedJobs({ ctx }: Harness): Promise<number> {
  const counts = await ctx.eventQueue.queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed');
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

export async function drainedAtLast(mir: Harness): Promise<void> {
  await waitUntil('the queue is drained', async () => (await unfinishedJobs(mir)) === 0, DRAIN_TIMEOUT_MS);
}

/** What is left in the queue store of chunks that are done: nothing, if all is well. */
export async function leftMarks({ ctx: { queueLink, keys } }: Harness, tenant: Tenant): Promise<unknown> {
  const { client } = queueLink;
  return {
    openChunks: await client.zrange(keys.openChunks(tenant), 0, -1),
    ledger: await client.hgetall(keys.ledger(QUEUES.events)),
    ledgerBytes: await client.get(keys.ledgerBytes(QUEUES.events)),
  };
}
export const NO_MARKS = { openChunks: [], ledger: {}, ledgerBytes: null };

/** What the sweeps do a minute later: ends the marks of submissions that were cut off before their job was added. */
export async function sweepNow({ ctx: { queueLink, keys } }: Harness, { tenant }: Books): Promise<void> {
  const later = Date.now() + 2 * ABANDONED_AFTER_MS;
  await sweepOpenChunks(queueLink, keys, tenant, later);
  await sweepLedger(queueLink, keys, later);
}

/** Events of each user, by the counters of the store. */
async function storedCounts({ ctx }: Harness, { tenant, events }: Books): Promise<Record<string, number>> {
  const names = new Map([...events.values()].map((user) => [userRefOf(ctx.secrets.subject, tenant, user), user]));
  const docs = await ctx.store.users.model.find({ tenant }).lean();
  return Object.fromEntries(docs.map(({ _id, eventCount }) => [names.get(_id) ?? _id, eventCount]));
}

export async function resolvedCounts(client: ApiClient, books: Books): Promise<Record<string, number>> {
  const users = [...new Set(books.events.values())];
  const counts: Record<string, number> = {};
  for (let at = 0; at < users.length; at += RESOLVE_MAX) {
    const userExternalIds = users.slice(at, at + RESOLVE_MAX);
    const { status, body } = await client.post('/v1/resolve', books.partner.liveKey, { userExternalIds });
    expect(status).toBe(200);
    for (const { userExternalId, eventCount } of body.results) counts[userExternalId] = eventCount;
  }
  return counts;
}

export function expectedCounts({ events }: Books): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const user of events.values()) counts[user] = (counts[user] ?? 0) + 1;
  return counts;
}

/** Reads receipts; each must be there. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests read answers as their users do: without our types
export async function receiptsOf(client: ApiClient, { partner, receiptIds }: Books): Promise<any[]> {
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
 * counted, resolved and settled, no job failed and no mark is left.
 */
export async function expectBalanced(mir: Harness, books: Books, client: ApiClient = mir.client): Promise<void> {
  await drainedAtLast(mir);
  const stored = await mir.ctx.store.events.model.find({ tenant: books.tenant }, { _id: 1 }).lean();
  expect(stored.map(({ _id }) => _id as string).sort()).toEqual([...books.events.keys()].sort());
  expect(await storedCounts(mir, books)).toEqual(expectedCounts(books));
  expect(await resolvedCounts(client, books)).toEqual(expectedCounts(books));
  const statuses = (await receiptsOf(client, books)).map(({ status }) => status as string);
  expect(statuses).toEqual(books.receiptIds.map(() => 'DONE'));
  expect(await mir.ctx.eventQueue.queue.getFailedCount()).toBe(0);
  expect(await leftMarks(mir, books.tenant)).toEqual(NO_MARKS);
}
