import { messageOf } from '../errors';
import type { Log } from '../log';
import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';
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
 * Opens a MongoDB session, registers it in Redis under a subject (an agent tree, a partner, a cascade or commits), and
 * sends heartbeats until the session is closed. Ends the subject's other sessions that have not sent a heartbeat for
 * `deadAfterMs`, because the open transaction of a dead process would block the subject for up to a minute. If that
 * process was only slow, it retries its transaction. While Redis is down, sessions are not ended, and MongoDB's own
 * time limit applies.
 */
export async function openRegisteredSession(
  { store, queueLink, keys, log }: SessionDeps,
  subject: string,
  { deadAfterMs = HEARTBEAT_TTL_MS }: { deadAfterMs?: number } = {},
): Promise<RegisteredSession> {
  const redis = queueLink.client;
  const { session, name } = await store.openSession();
  const sessions = keys.lockSessions(subject);
  const heartbeatOf = (session: string): string => keys.lockHeartbeat(subject, session);
  const warn = (error: unknown): void => log.debug({ subject, err: messageOf(error) }, 'session heartbeat failed');

  /** Sends a heartbeat. Returns the names of the subject's other sessions. */
  const beat = async (): Promise<string[]> => {
    const replies = await redis
      .multi()
      .set(heartbeatOf(name), '1', 'PX', deadAfterMs)
      .sadd(sessions, name)
      .pexpire(sessions, SESSIONS_TTL_MS)
      .smembers(sessions)
      .exec();
    const all = (replies?.at(-1)?.[1] ?? []) as string[];
    return all.filter((other) => other !== name);
  };
  const endDead = async (others: string[]): Promise<void> => {
    if (others.length === 0) return;
    const alive = await redis.mget(others.map(heartbeatOf));
    const dead = others.filter((_, n) => alive[n] === null);
    if (dead.length === 0) return;
    log.warn({ subject, sessions: dead.length }, 'ending MongoDB sessions of dead processes');
    await store.killSessions(dead);
    await redis.srem(sessions, ...dead);
  };

  const register = (): void => void beat().then(endDead).catch(warn);
  // Do not wait for Redis: the caller's transaction should not take longer because it can be ended by others.
  register();
  const timer = setInterval(register, HEARTBEAT_EVERY_MS);
  return {
    session,
    name,
    close: () => {
      clearInterval(timer);
      redis.multi().srem(sessions, name).del(heartbeatOf(name)).exec().catch(warn);
      session.endSession().catch(warn);
    },
  };
}
