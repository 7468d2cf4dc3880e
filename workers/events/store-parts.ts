import { randomInt } from 'node:crypto';
import { type Coalesced, coalesceInTurn } from '../../shared/concurrency/coalesce';
import { retryUntilAborted } from '../../shared/concurrency/retry';
import type { ChunkId } from '../../shared/domain/ids';
import { countOutcomes } from '../../shared/domain/receipt';
import { type EventUsage, NO_EVENT_USAGE } from '../../shared/domain/usage';
import { openRegisteredSession, type SessionDeps } from '../../shared/locks/session-registry';
import { classifyStoreError } from '../../shared/store/errors';
import type { ReceiptPartDoc } from '../../shared/store/receipts';
import type { Store, StoreSession } from '../../shared/store/store';
import type { EventUsageChange } from '../../shared/store/usage';
import { LOCK_MS } from './partition-locks';

const MAX_PARTS_PER_WRITE = 500;
const WRITE_TIMEOUT_MS = 10_000;
/**
 * Number of usage rows of a tenant and hour. Each process uses one of them, so that the transactions of few processes
 * conflict.
 */
const USAGE_SLOTS = 8;
/** Subject under which the transactions register their database sessions. */
const RECEIPT_SESSIONS = 'receipts';

/**
 * Returns the events of a part by outcome. The number of events in a payload that could not be read at all is unknown,
 * so usage does not count them.
 */
function usageOf({ total, items }: ReceiptPartDoc): EventUsage {
  return { ...countOutcomes(items), persisted: (total ?? items.length) - items.length };
}

/**
 * Returns what the parts change in usage, by tenant and hour. A part that replaces a counted one takes over its hour, so
 * that a replayed dead letter changes the hour in which its events were counted.
 */
function usageChanges(parts: readonly ReceiptPartDoc[], before: readonly ReceiptPartDoc[]): EventUsageChange[] {
  const counted = new Map(before.filter(({ usageAt }) => usageAt).map((part) => [part._id, part]));
  const changes = new Map<string, EventUsageChange>();
  for (const part of parts) {
    const replaced = counted.get(part._id);
    if (replaced) part.usageAt = replaced.usageAt!;
    const at = part.usageAt!;
    const key = `${part.tenant}|${at.getTime()}`;
    const change = changes.get(key) ?? { tenant: part.tenant, at, events: { ...NO_EVENT_USAGE } };
    changes.set(key, change);
    const added = usageOf(part);
    const removed = replaced ? usageOf(replaced) : NO_EVENT_USAGE;
    for (const outcome of Object.keys(added) as (keyof EventUsage)[])
      change.events[outcome] += added[outcome] - removed[outcome];
  }
  return [...changes.values()].filter(({ events }) => Object.values(events).some((count) => count !== 0));
}

/**
 * Returns a function that stores a part of a receipt and counts its events in usage, in one transaction, so that both
 * agree whenever a process dies. Parts that arrive during a transaction share the next one.
 */
export function createStorePart(
  deps: SessionDeps & {
    store: Pick<Store, 'transaction' | 'openSession' | 'killSessions' | 'receipts' | 'usage'>;
    signal: AbortSignal;
  },
): (part: ReceiptPartDoc) => Promise<void> {
  const { store, log, signal } = deps;
  const slot = randomInt(USAGE_SLOTS);

  const write = (parts: ReceiptPartDoc[], mayExist: boolean, session: StoreSession): Promise<void> =>
    store.transaction(
      async () => {
        const before = mayExist ? await store.receipts.stored(parts, session) : [];
        const changes = usageChanges(parts, before);
        if (mayExist) await store.receipts.put(parts, session);
        else await store.receipts.insert(parts, session);
        await store.usage.addEvents(changes, slot, session);
      },
      WRITE_TIMEOUT_MS,
      session,
    );

  const attempt = async (parts: ReceiptPartDoc[]): Promise<void> => {
    // Other workers end the session if this process dies, because its open transaction would block its chunks.
    const registered = await openRegisteredSession(deps, RECEIPT_SESSIONS, { deadAfterMs: LOCK_MS });
    try {
      await write(parts, false, registered.session).catch((error: unknown) => {
        // A job that was redelivered or replayed.
        if (classifyStoreError(error) !== 'duplicate') throw error;
        return write(parts, true, registered.session);
      });
    } finally {
      registered.close();
    }
  };

  const flush = async (batch: Coalesced<ReceiptPartDoc, void>[]): Promise<void> => {
    const parts = new Map<ChunkId, ReceiptPartDoc>(batch.map(({ item }) => [item._id, item]));
    await retryUntilAborted(() => attempt([...parts.values()]), { what: 'receipts', log, signal });
    batch.forEach(({ resolve }) => resolve());
  };
  return coalesceInTurn(flush, { maxItems: MAX_PARTS_PER_WRITE });
}
