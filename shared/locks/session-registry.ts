import { messageOf } from '../errors';
import type { Store, StoreSession } from '../store/store';
import type { Log } from '../log';
import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';

/** A process that has not said for so long that it lives is dead, or as good as that. */
const ALIVE_MS = 1_000;
const SAY_EVERY_MS = 250;
/** Longer than any server keeps the transaction of a dead process open. */
const NAMES_TTL_MS = 180_000;

export interface SessionDeps {
  store: Store;
  queueLink: RedisLink;
  keys: RedisKeys;
  log: Log;
}

/** The store session of one change. Its name is how other processes know it. */
export interface RegisteredSession {
  session: StoreSession;
  name: string;
  leave(): void;
}

/**
 * Opens the store session of a change and leaves its name with the queue store, where it says that it lives until the
 * change is done. Names that nobody speaks for any more are of processes that died in a change: what they left open in
 * the store would block this subject for up to a minute, so their sessions are ended. While the queue store is away
 * nobody is ended, and the server's own limit counts.
 */
export async function openRegisteredSession(
  { store, queueLink, keys, log }: SessionDeps,
  subject: string,
): Promise<RegisteredSession> {
  const redis = queueLink.client;
  const { session, name } = await store.openSession();
  const names = keys.lockSessions(subject);
  const aliveKey = (of: string): string => keys.lockHeartbeat(subject, of);
  const warn = (error: unknown): void => log.debug({ subject, err: messageOf(error) }, 'a turn was not told');

  /** Says that this session lives. Answers the names of the others. */
  const say = async (isFirst: boolean): Promise<string[]> => {
    const said = redis.multi().set(aliveKey(name), '1', 'PX', ALIVE_MS);
    if (isFirst) said.sadd(names, name).pexpire(names, NAMES_TTL_MS);
    const answers = await said.smembers(names).exec();
    const all = (answers?.at(-1)?.[1] ?? []) as string[];
    return all.filter((one) => one !== name);
  };
  const endDead = async (others: string[]): Promise<void> => {
    if (others.length === 0) return;
    const alive = await redis.mget(others.map(aliveKey));
    const dead = others.filter((_, n) => alive[n] === null);
    if (dead.length === 0) return;
    log.warn({ subject, dead: dead.length }, 'a process died in a change; its store sessions are ended');
    await store.killSessions(dead);
    const removed = redis.multi().srem(names, ...dead);
    for (const one of dead) removed.lrem(keys.lockQueue(subject), 0, one);
    await removed.exec();
  };

  const others = await say(true).catch(warn);
  endDead(others ?? []).catch(warn);
  const timer = setInterval(() => void say(false).then(endDead).catch(warn), SAY_EVERY_MS);
  return {
    session,
    name,
    leave: () => {
      clearInterval(timer);
      redis.multi().srem(names, name).del(aliveKey(name)).exec().catch(warn);
      void session.endSession();
    },
  };
}
