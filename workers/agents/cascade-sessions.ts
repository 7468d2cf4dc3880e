import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { Store, StoreSession } from '../../shared/store/store';

/** The store sessions of one try of a cascade: as many as it has transactions at once. */
export interface CascadeSessions {
  /** Runs `work` with a session that nobody else uses meanwhile. There is one for every page in flight. */
  use<T>(work: (session: StoreSession) => Promise<T>): Promise<T>;
  end(): Promise<void>;
}

/**
 * Opens sessions and writes their names beside the cascade, after ending those of whoever was at it before: a worker
 * that was killed leaves a transaction open, which would keep its agents locked for a minute.
 */
export async function openCascadeSessions(
  { store, log }: { store: Pick<Store, 'openSession' | 'killSessions' | 'cascades'>; log: Log },
  cascadeId: string,
  count: number,
): Promise<CascadeSessions> {
  const opened = await Promise.all(Array.from({ length: count }, () => store.openSession()));
  const orphans = await store.cascades.takeOver(
    cascadeId,
    opened.map(({ name }) => name),
  );
  if (orphans.length > 0) {
    log.warn({ cascadeId, orphans: orphans.length }, 'a cascade is taken over; the sessions of its last try are ended');
    await store
      .killSessions(orphans)
      .catch((error: unknown) => log.warn({ err: messageOf(error) }, 'sessions not ended'));
  }
  const free = opened.map(({ session }) => session);
  return {
    async use(work) {
      const session = free.pop();
      if (!session) throw new Error(`a cascade has ${count} sessions, all in use`);
      try {
        return await work(session);
      } finally {
        free.push(session);
      }
    },
    async end() {
      await store.cascades.takeOver(cascadeId, []);
      await Promise.all(opened.map(({ session }) => session.endSession()));
    },
  };
}
