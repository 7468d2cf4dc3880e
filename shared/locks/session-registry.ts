import { messageOf } from '../errors';
import type { Log } from '../log';
import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';
import type { Store, StoreSession } from '../store/store';

/** A process whose heartbeat is older than this counts as dead. */
const HEARTBEAT_TTL_MS = 1_000;
const HEARTBEAT_EVERY_MS = 250;
/** Longer than any server keeps the transaction of a dead process open. */
const SESSIONS_TTL_MS = 180_000;

export interface SessionDeps {
  store: Store;
  queueLink: RedisLink;
  keys: RedisKeys;
  log: Log;
}

/** The store session of one change. Other processes know it by its name. */
export interface RegisteredSession {
  session: StoreSession;
  name: string;
  close(): void;
}

/**
 * Opens the store session of a change and registers it in Redis with a heartbeat until it is closed. Ends the sessions
 * of the same subject whose heartbeat stopped: the transaction that a dead process left open would block the subject
 * for up to a minute. While Redis is down no session is ended, and the server's own limit applies.
 */
export async function openRegisteredSession(
  { store, queueLink, keys, log }: SessionDeps,
  subject: string,
): Promise<RegisteredSession> {
  const redis = queueLink.client;
  const { session, name } = await store.openSession();
  const sessions = keys.lockSessions(subject);
  const heartbeatOf = (session: string): string => keys.lockHeartbeat(subject, session);
  const warn = (error: unknown): void => log.debug({ subject, err: messageOf(error) }, 'session heartbeat failed');

  /** Renews the heartbeat. Returns the names of the subject's other sessions. */
  const beat = async (isFirst: boolean): Promise<string[]> => {
    const commands = redis.multi().set(heartbeatOf(name), '1', 'PX', HEARTBEAT_TTL_MS);
    if (isFirst) commands.sadd(sessions, name).pexpire(sessions, SESSIONS_TTL_MS);
    const replies = await commands.smembers(sessions).exec();
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
    const removal = redis.multi().srem(sessions, ...dead);
    for (const session of dead) removal.lrem(keys.lockQueue(subject), 0, session);
    await removal.exec();
  };

  const others = await beat(true).catch(warn);
  endDead(others ?? []).catch(warn);
  const timer = setInterval(() => void beat(false).then(endDead).catch(warn), HEARTBEAT_EVERY_MS);
  return {
    session,
    name,
    close: () => {
      clearInterval(timer);
      redis.multi().srem(sessions, name).del(heartbeatOf(name)).exec().catch(warn);
      void session.endSession();
    },
  };
}
