import { DEFAULT_WEIGHT } from '../../shared/domain/event';
import type { EventId, UserRef } from '../../shared/domain/ids';
import type { Outcome } from '../../shared/domain/receipt';
import type { EventDoc, ExistingEvent } from '../../shared/store/events';
import type { Store, StoreSession } from '../../shared/store/store';
import { addDelta, NEW_USER_ROW, type UserDelta, type UserRow } from '../../shared/store/users';
import type { Decision, GroupResult, PendingEvent } from './pending';

const COMMIT_TIMEOUT_MS = 30_000;

type Stored = Pick<ExistingEvent, 'chunkId' | 'index' | 'fingerprint'>;

function docOf({ event, of: { chunk } }: PendingEvent): EventDoc {
  const receivedAt = new Date(chunk.receivedAtMs);
  return {
    _id: event.eventId,
    tenant: chunk.tenant,
    userRef: event.userRef,
    eventType: event.eventType,
    occurredAt: event.occurredAtMs === null ? receivedAt : new Date(event.occurredAtMs),
    receivedAt,
    weight: event.weight ?? DEFAULT_WEIGHT,
    ...(event.metadata === null ? {} : { metadata: event.metadata }),
    ...(chunk.agentId === null ? {} : { agentId: chunk.agentId }),
    chunkId: chunk.chunkId,
    index: event.index,
    ...(event.fingerprint === null ? {} : { fingerprint: event.fingerprint }),
  };
}

/** True for what was received no later than its user was erased. */
export function isErased(rows: ReadonlyMap<UserRef, UserRow>, userRef: UserRef, receivedAtMs: number): boolean {
  const erasedAtMs = rows.get(userRef)?.erasedAtMs;
  return erasedAtMs !== null && erasedAtMs !== undefined && receivedAtMs <= erasedAtMs;
}

/** What an event is against the one stored under its id: itself, a repeat, or other content. */
function compare({ event, of }: PendingEvent, stored: Stored): Exclude<Outcome, 'FAILED' | 'ERASED'> {
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
 * Those of the stored events that count. One whose user was erased after it was received only waits for its deletion:
 * it is deleted here, so that a later submission under its key starts anew.
 */
async function withoutErased(
  store: Pick<Store, 'events' | 'users'>,
  existing: ExistingEvent[],
  rows: ReadonlyMap<UserRef, UserRow>,
  session: StoreSession,
): Promise<ExistingEvent[]> {
  const strangers = [...new Set(existing.map(({ userRef }) => userRef).filter((ref) => !rows.has(ref)))];
  const all = strangers.length > 0 ? new Map([...rows, ...(await store.users.rows(strangers, session))]) : rows;
  const erased = existing.filter(({ userRef, receivedAt }) => isErased(all, userRef, receivedAt.getTime()));
  if (erased.length === 0) return existing;
  const ids = erased.map(({ _id }) => _id);
  await store.events.remove(ids, session);
  const gone = new Set(ids);
  return existing.filter(({ _id }) => !gone.has(_id));
}

/**
 * Commits a group in one transaction: finds what is stored, inserts what is new, adds to the users' counters. Either
 * all of it happens or nothing; repeating it at any time changes nothing. An event without key on its first delivery
 * cannot be stored yet, so it is not looked for unless `lookUpAll` (after a duplicate-key error). What was received
 * before its user was erased is dropped.
 */
export async function commitGroup(
  store: Pick<Store, 'transaction' | 'events' | 'users'>,
  group: PendingEvent[],
  lookUpAll: boolean,
  session: StoreSession,
): Promise<GroupResult> {
  const refs = [...new Set(group.map(({ event }) => event.userRef))];

  return store.transaction(
    async () => {
      const rows = await store.users.rows(refs, session);
      const first = new Map<EventId, PendingEvent>();
      const erased = new Set<PendingEvent>();
      for (const pending of group) {
        const { event, of } = pending;
        if (isErased(rows, event.userRef, of.chunk.receivedAtMs)) erased.add(pending);
        else if (!first.has(event.eventId)) first.set(event.eventId, pending);
      }
      const unique = [...first.values()];
      const maybeStored = unique
        .filter(({ event, of }) => lookUpAll || of.redelivered || event.fingerprint !== null)
        .map(({ event }) => event.eventId);
      const found = maybeStored.length > 0 ? await store.events.existing(maybeStored, session) : [];
      const existing = await withoutErased(store, found, rows, session);
      const stored = new Map<EventId, Stored>(existing.map((row) => [row._id, row]));
      const docs = unique.filter(({ event }) => !stored.has(event.eventId)).map(docOf);
      for (const doc of docs) stored.set(doc._id, doc);
      const deltas = deltasOf(docs);
      await store.events.insert(docs, session);
      await store.users.add(deltas, rows, session);
      for (const delta of deltas) rows.set(delta.userRef, addDelta(rows.get(delta.userRef) ?? NEW_USER_ROW, delta));
      const decisions = group.map((pending): Decision => {
        const outcome = erased.has(pending) ? 'ERASED' : compare(pending, stored.get(pending.event.eventId)!);
        return { pending, outcome };
      });
      return { decisions, rows };
    },
    COMMIT_TIMEOUT_MS,
    session,
  );
}
