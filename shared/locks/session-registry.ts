import { messageOf } from '../errors';
import type { Log } from '../log';
import type { RedisLink } from '../redis/link';
import type { RedisKeys } from '../redis/keys';
import { scripts } from '../redis/scripts';
import type { Store, StoreSession } from '../store/store';

/** If a session's last heartbeat is older than this, its process is presumed dead. */
const HEARTBEAT_TTL_MS = 1_000;
const HEARTBEAT_EVERY_MS = 250;
/** Longer than MongoDB keeps a dead process's transaction open. */
const SESSIONS_TTL_MS = 180_000;

export interface SessionDeps {
  store: Pick<Store, 'openSession' | 'killSessions'>;
  queueLink: RedisLink;
  keys: RedisKeys;
  log: Log;
}

/** A MongoDB session that is registered in Redis, so that other processes can end it. */
export interface RegisteredSession {
  session: StoreSession;
  name: string;
  close(): void;
}

/**
 * Opens a MongoDB session, registers it in Redis under a subject (an agent tree, a partner, a cascade, commits or
 * receipts), and sends heartbeats until the session is closed. Ends the subject's other sessions that have not sent a
 * heartbeat for `deadAfterMs`, because the open transaction of a dead process would block the subject for up to a minute.
 * If that process was only slow, it retries its transaction. While Redis is down, sessions are not ended, and MongoDB's
 * own time limit applies.
 */
export async function openRegisteredSession(
  { store, queueLink, keys, log }: SessionDeps,
  subject: string,
  { deadAfterMs = HEARTBEAT_TTL_MS }: { deadAfterMs?: number } = {},
): Promise<RegisteredSession> {
  const redis = queueLink.client;
  const { session, name } = await store.openSession();
  const sessions = keys.lockSessions(subject);
  const heartbeat = keys.lockHeartbeat(subject, name);
  const warn = (error: unknown): void => log.debug({ subject, err: messageOf(error) }, 'session heartbeat failed');

  /** Sends a heartbeat, and ends the sessions that have stopped sending theirs. */
  const beat = async (): Promise<void> => {
    const prefix = keys.lockHeartbeat(subject, '');
    const dead = await scripts.registerSession(
      redis,
      [sessions, heartbeat],
      [name, deadAfterMs, SESSIONS_TTL_MS, prefix],
    );
    if (dead.length === 0) return;
    log.warn({ subject, sessions: dead.length }, 'ending MongoDB sessions of dead processes');
    await store.killSessions(dead);
    await redis.srem(sessions, ...dead);
  };

  const register = (): void => void beat().catch(warn);
  // Do not wait for Redis, so that registering a session does not delay its transaction.
  register();
  const timer = setInterval(register, HEARTBEAT_EVERY_MS);
  return {
    session,
    name,
    close: () => {
      clearInterval(timer);
      const removed = redis.multi().srem(sessions, name).del(heartbeat).exec();
      removed
        .catch((error: unknown) => {
          warn(error);
          // The driver reuses sessions, unless they are marked as dirty. Under its registered name, this one would be
          // ended for dead while it is in use.
          if (session.serverSession) session.serverSession.isDirty = true;
        })
        .then(() => session.endSession())
        .catch(warn);
    },
  };
}
