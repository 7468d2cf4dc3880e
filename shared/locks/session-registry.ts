import { messageOf } from '../errors';
import type { Log } from '../log';
import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';
import type { Store, StoreSession } from '../store/store';

/** A session whose heartbeat is older than this counts as that of a dead process. */
const HEARTBEAT_TTL_MS = 1_000;
const HEARTBEAT_EVERY_MS = 250;
/** Longer than any server keeps the transaction of a dead process open. */
const SESSIONS_TTL_MS = 180_000;

export interface SessionDeps {
  store: Pick<Store, 'openSession' | 'killSessions'>;
  queueLink: RedisLink;
  keys: RedisKeys;
  log: Log;
}

/** A store session that other processes know by its name. */
export interface RegisteredSession {
  session: StoreSession;
  name: string;
  close(): void;
}

/**
 * Opens a store session and registers it in Redis under a subject (an agent tree, a partner, a cascade, commits), with a
 * heartbeat until it is closed. Ends the subject's other sessions whose heartbeat stopped for `deadAfterMs`: the
 * transaction that a dead process left open would block the subject for up to a minute. A live process that was only
 * slow repeats its transaction. While Redis is down no session is ended, and the server's own limit applies.
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

  /** Renews the heartbeat. Returns the names of the subject's other sessions. */
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
    log.warn({ subject, sessions: dead.length }, 'ending store sessions of dead processes');
    await store.killSessions(dead);
    await redis.srem(sessions, ...dead);
  };

  const others = await beat().catch(warn);
  endDead(others ?? []).catch(warn);
  const timer = setInterval(() => void beat().then(endDead).catch(warn), HEARTBEAT_EVERY_MS);
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
