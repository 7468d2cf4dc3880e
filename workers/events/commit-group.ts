import { type AcceptedEvent, DEFAULT_WEIGHT } from '../../shared/domain/event';
import { isFormerId } from '../../shared/domain/event-id';
import type { EventId, Tenant, UserRef } from '../../shared/domain/ids';
import type { Outcome } from '../../shared/domain/receipt';
import type { EventDoc, ExistingEvent } from '../../shared/store/events';
import type { Store, StoreSession } from '../../shared/store/store';
import { addDelta, isErased, NEW_USER_ROW, type UserDelta, type UserRow } from '../../shared/store/users';
import { type EventDecision, type GroupResult, type PendingEvent, tenantsOf } from './pending';

/**
 * After this time, a failed attempt is not repeated at the same size. A first attempt may take longer, unless the server
 * ends it.
 */
const COMMIT_TIMEOUT_MS = 10_000;

type StoredEvent = Pick<ExistingEvent, '_id' | 'chunkId' | 'index' | 'fingerprint' | 'agentId' | 'receivedAt'>;

function docOf({ event, of: { chunk } }: PendingEvent, eventId: EventId): EventDoc {
  const receivedAt = new Date(chunk.receivedAtMs);
  return {
    _id: eventId,
    tenant: chunk.tenant,
    userRef: event.userRef,
    eventType: event.eventType,
    occurredAt: event.occurredAtMs === null ? receivedAt : new Date(event.occurredAtMs),
    receivedAt,
    weight: event.weight ?? DEFAULT_WEIGHT,
    ...(event.metadata === null ? {} : { metadata: event.metadata }),
    ...(chunk.agentId === null ? {} : { agentId: chunk.agentId }),
    ...(chunk.agentAncestors?.length ? { agentAncestors: [...chunk.agentAncestors] } : {}),
    chunkId: chunk.chunkId,
    index: event.index,
    ...(event.fingerprint === null ? {} : { fingerprint: event.fingerprint }),
  };
}

/** Returns an ID that two submissions share only if the same caller sent them with the same idempotency key. */
function submissionId({ eventId, otherId }: AcceptedEvent): EventId {
  return otherId !== undefined && isFormerId(eventId) ? otherId : eventId;
}

/**
 * Returns the stored event from the same submission. A row under a former ID may belong to another caller, because a
 * partner and its agents share former IDs.
 */
function ownRow(
  byId: ReadonlyMap<EventId, StoredEvent>,
  { event, of: { chunk } }: PendingEvent,
): StoredEvent | undefined {
  const row = byId.get(event.eventId);
  if (event.otherId === undefined) return row;
  const rows = [row, byId.get(event.otherId)];
  return rows.find((one) => one && (!isFormerId(one._id) || (one.agentId ?? null) === chunk.agentId));
}

/**
 * Returns the ID under which to store a new event: the ID that the API returned, unless another caller's event has that
 * ID.
 */
function freeId(byId: ReadonlyMap<EventId, StoredEvent>, { eventId, otherId }: AcceptedEvent): EventId {
  return otherId !== undefined && byId.has(eventId) ? otherId : eventId;
}

/**
 * Compares an event with the one stored under its ID. Returns PERSISTED if both are the same event, DUPLICATE if
 * another submission has the same content, and CONFLICT otherwise.
 */
function compare({ event, of }: PendingEvent, stored: StoredEvent): Exclude<Outcome, 'FAILED' | 'ERASED'> {
  if (stored.chunkId === of.chunk.chunkId && stored.index === event.index) return 'PERSISTED';
  return stored.fingerprint === event.fingerprint ? 'DUPLICATE' : 'CONFLICT';
}

function deltasOf(docs: EventDoc[]): UserDelta[] {
  const deltas = new Map<UserRef, UserDelta>();
  for (const { userRef, tenant, occurredAt } of docs) {
    const atMs = occurredAt.getTime();
    const delta = deltas.get(userRef);
    if (delta) {
      delta.eventCount += 1;
      delta.firstEventAtMs = Math.min(delta.firstEventAtMs, atMs);
      delta.lastEventAtMs = Math.max(delta.lastEventAtMs, atMs);
    } else {
      deltas.set(userRef, { userRef, tenant, eventCount: 1, firstEventAtMs: atMs, lastEventAtMs: atMs });
    }
  }
  return [...deltas.values()];
}

/**
 * Returns the stored events that still count. Deletes events whose user was erased after the events were received, so
 * that a later submission with the same key starts a new history.
 */
async function withoutErased(
  store: Pick<Store, 'events' | 'users'>,
  tenants: readonly Tenant[],
  existing: ExistingEvent[],
  rows: ReadonlyMap<UserRef, UserRow>,
  session: StoreSession,
): Promise<ExistingEvent[]> {
  const otherUsers = [...new Set(existing.map(({ userRef }) => userRef).filter((ref) => !rows.has(ref)))];
  const others = otherUsers.length > 0 ? await store.users.rows(tenants, otherUsers, session) : null;
  const allRows = others ? new Map([...rows, ...others]) : rows;
  const erased = existing.filter(({ userRef, receivedAt }) => isErased(allRows, userRef, receivedAt.getTime()));
  if (erased.length === 0) return existing;
  const ids = erased.map(({ _id }) => _id);
  await store.events.remove(tenants, ids, session);
  const gone = new Set(ids);
  return existing.filter(({ _id }) => !gone.has(_id));
}

/**
 * Commits a group in one transaction: looks up stored events, inserts new ones and updates the users' counters. Safe to
 * repeat at any time. Drops events that were received before their user was erased.
 *
 * An event without a key cannot already be stored on its first delivery, so it is looked up only on a redelivery, or
 * with `lookUpAll` (after a duplicate-key error). An event that may be stored under a former ID is looked up under both
 * IDs, in the same query.
 */
export async function commitGroup(
  store: Pick<Store, 'transaction' | 'events' | 'users'>,
  group: PendingEvent[],
  { lookUpAll, docsPerOperation }: { lookUpAll: boolean; docsPerOperation: number },
  session: StoreSession,
): Promise<GroupResult> {
  const refs = [...new Set(group.map(({ event }) => event.userRef))];
  const tenants = tenantsOf(group);

  return store.transaction(
    async () => {
      const rows = await store.users.rows(tenants, refs, session);
      const first = new Map<EventId, PendingEvent>();
      const erased = new Set<PendingEvent>();
      for (const pending of group) {
        const { event, of } = pending;
        if (isErased(rows, event.userRef, of.chunk.receivedAtMs)) erased.add(pending);
        else if (!first.has(submissionId(event))) first.set(submissionId(event), pending);
      }
      const maybeStored: EventId[] = [];
      for (const { event, of } of first.values()) {
        if (!lookUpAll && !of.redelivered && event.fingerprint === null) continue;
        maybeStored.push(event.eventId);
        if (event.otherId !== undefined) maybeStored.push(event.otherId);
      }
      const found = maybeStored.length > 0 ? await store.events.existing(tenants, maybeStored, session) : [];
      const existing = await withoutErased(store, tenants, found, rows, session);
      const byId = new Map<EventId, StoredEvent>(existing.map((row) => [row._id, row]));
      const stored = new Map<EventId, StoredEvent>();
      const docs: EventDoc[] = [];
      for (const [id, pending] of first) {
        const row = ownRow(byId, pending);
        if (row) {
          stored.set(id, row);
          continue;
        }
        const doc = docOf(pending, freeId(byId, pending.event));
        docs.push(doc);
        stored.set(id, doc);
        if (pending.event.otherId !== undefined) byId.set(doc._id, doc);
      }
      const deltas = deltasOf(docs);
      await store.events.insert(docs, session, docsPerOperation);
      await store.users.add(deltas, rows, session, docsPerOperation);
      for (const delta of deltas) rows.set(delta.userRef, addDelta(rows.get(delta.userRef) ?? NEW_USER_ROW, delta));
      const decisions = group.map((pending): EventDecision => {
        if (erased.has(pending)) return { pending, outcome: 'ERASED' };
        const row = stored.get(submissionId(pending.event))!;
        const outcome = compare(pending, row);
        const decision = { pending, outcome, storedId: row._id };
        return outcome === 'CONFLICT' ? { ...decision, firstReceivedAt: row.receivedAt } : decision;
      });
      return { decisions, rows };
    },
    COMMIT_TIMEOUT_MS,
    session,
  );
}
