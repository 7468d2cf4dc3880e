import { DEFAULT_WEIGHT } from '../../shared/domain/event';
import type { EventId, UserRef } from '../../shared/domain/ids';
import type { Outcome } from '../../shared/domain/receipt';
import { EMPTY_ROW } from '../../shared/domain/signals';
import type { EventDoc, ExistingEvent } from '../../shared/store/events';
import type { Store, StoreSession } from '../../shared/store/store';
import { addDelta, type UserDelta } from '../../shared/store/users';
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

/** What an event is against the one stored under its id: itself, a repeat, or other content. */
function compare({ event, of }: PendingEvent, stored: Stored): Exclude<Outcome, 'FAILED'> {
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
 * Commits a group in one transaction: finds what is stored, inserts what is new, adds to the users' counters. Either
 * all of it happens or nothing; repeating it at any time changes nothing. An event without key on its first delivery
 * cannot be stored yet, so it is not looked for unless `lookUpAll` (after a duplicate-key error).
 */
export async function commitGroup(
  store: Pick<Store, 'transaction' | 'events' | 'users'>,
  group: PendingEvent[],
  lookUpAll: boolean,
  session: StoreSession,
): Promise<GroupResult> {
  const first = new Map<EventId, PendingEvent>();
  for (const pending of group) {
    if (!first.has(pending.event.eventId)) first.set(pending.event.eventId, pending);
  }
  const unique = [...first.values()];
  const maybeStored = unique
    .filter(({ event, of }) => lookUpAll || of.redelivered || event.fingerprint !== null)
    .map(({ event }) => event.eventId);
  const refs = [...new Set(group.map(({ event }) => event.userRef))];

  return store.transaction(
    async () => {
      const existing = maybeStored.length > 0 ? await store.events.existing(maybeStored, session) : [];
      const rows = await store.users.rows(refs, session);
      const stored = new Map<EventId, Stored>(existing.map((row) => [row._id, row]));
      const docs = unique.filter(({ event }) => !stored.has(event.eventId)).map(docOf);
      for (const doc of docs) stored.set(doc._id, doc);
      const deltas = deltasOf(docs);
      await store.events.insert(docs, session);
      await store.users.add(deltas, rows, session);
      for (const delta of deltas) rows.set(delta.userRef, addDelta(rows.get(delta.userRef) ?? EMPTY_ROW, delta));
      const decisions = group.map((pending): Decision => {
        return { pending, outcome: compare(pending, stored.get(pending.event.eventId)!) };
      });
      return { decisions, rows };
    },
    COMMIT_TIMEOUT_MS,
    session,
  );
}
