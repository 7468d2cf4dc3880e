import { LRUCache } from 'lru-cache';
import { withDeadline } from '../../shared/concurrency/deadline';
import type { EventId, Tenant } from '../../shared/domain/ids';
import { storeTooSlow } from '../../shared/store/errors';
import { isErased } from '../../shared/store/users';
import type { ApiContext } from '../context';
import type { ValidatedEvent } from './validate-event';

/** Number of recent single events whose idempotency keys are remembered. */
const REMEMBERED_KEYS = 50_000;
/** Maximum time that a submission waits for the database to confirm that its key was reused. */
const CHECK_TIMEOUT_MS = 1_000;

export interface ReusedKeys {
  /** Remembers the key and content of an accepted event. */
  remember(event: ValidatedEvent): void;
  /** Returns true if this process accepted the event's key with different content. Reads only memory. */
  maybeReused(event: ValidatedEvent): boolean;
  /**
   * Returns when MIR received the stored event that has this key and different content, if it is not erased. Returns
   * null if there is no such event or the database does not respond.
   */
  firstReceivedAt(tenant: Tenant, event: ValidatedEvent): Promise<Date | null>;
}

/**
 * Detects reused idempotency keys early. What this process accepted proves nothing by itself: the event may since have
 * been erased through another process, or the database may have rejected it, and either frees its key. The database is
 * therefore asked, but only if the content differs. In all other cases, the worker decides.
 */
export function createReusedKeys({ store }: Pick<ApiContext, 'store'>): ReusedKeys {
  const remembered = new LRUCache<EventId, string>({ max: REMEMBERED_KEYS });

  const findReuse = async (
    tenant: Tenant,
    { keyedId, accepted: { fingerprint } }: ValidatedEvent,
  ): Promise<Date | null> => {
    const [stored] = keyedId === null ? [] : await store.events.existing([tenant], [keyedId]);
    if (!stored || stored.fingerprint === fingerprint) return null;
    const { userRef, receivedAt } = stored;
    const rows = await store.users.rows([tenant], [userRef]);
    return isErased(rows, userRef, receivedAt.getTime()) ? null : receivedAt;
  };

  return {
    remember({ keyedId, accepted: { fingerprint } }) {
      if (keyedId !== null && fingerprint !== null) remembered.set(keyedId, fingerprint);
    },
    maybeReused({ keyedId, accepted: { fingerprint } }) {
      const before = keyedId === null ? undefined : remembered.get(keyedId);
      return before !== undefined && before !== fingerprint;
    },
    firstReceivedAt: (tenant, event) =>
      withDeadline(findReuse(tenant, event), CHECK_TIMEOUT_MS, () =>
        storeTooSlow('reused key', CHECK_TIMEOUT_MS),
      ).catch(() => null),
  };
}
