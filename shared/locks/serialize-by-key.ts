import { setTimeout as delay } from 'node:timers/promises';
import { overloaded } from '../errors';
import type { StoreSession } from '../store/store';

import { openRegisteredSession, type SessionDeps, type RegisteredSession } from './session-registry';

/** Changes of one subject that may wait in this process, and how long. */
const MAX_WAITING = 1_000;
const MAX_WAIT_MS = 10_000;
/** Whoever heads the line of processes for longer died or is slow, and is passed over. */
const PATIENCE_MS = 500;
const LOOK_EVERY_MS = 2;
const LINE_TTL_MS = 5_000;

interface Waiting {
  urgent: boolean;
  start: () => void;
}

const lines = new WeakMap<object, Map<string, Waiting[]>>();

function takePlace(line: Waiting[], urgent: boolean): Promise<void> {
  if (!urgent && line.length >= MAX_WAITING)
    throw overloaded('Too many concurrent changes to this agent tree or partner. Retry in a few seconds.', 1);
  return new Promise((resolve, reject) => {
    const waiting: Waiting = {
      urgent,
      start: () => {
        clearTimeout(timer);
        resolve();
      },
    };
    const timer = setTimeout(() => {
      line.splice(line.indexOf(waiting), 1);
      reject(overloaded('Earlier changes to this agent tree or partner took too long. Nothing was changed; retry.', 1));
    }, MAX_WAIT_MS);
    if (urgent) line.unshift(waiting);
    else line.push(waiting);
  });
}

/** Waits until no other process stands before this one, but never while something urgent waits in this process. */
async function awaitTurn(
  { queueLink, keys }: SessionDeps,
  subject: string,
  name: string,
  line: Waiting[],
): Promise<void> {
  const redis = queueLink.client;
  const key = keys.lockQueue(subject);
  await redis.multi().rpush(key, name).pexpire(key, LINE_TTL_MS).exec();
  let head = '';
  let sinceMs = 0;
  while (!line[0]?.urgent) {
    const first = await redis.lindex(key, 0);
    if (first === null || first === name) return;
    if (first !== head) [head, sinceMs] = [first, Date.now()];
    else if (Date.now() - sinceMs > PATIENCE_MS) await redis.lrem(key, 0, first);
    await delay(LOOK_EVERY_MS);
  }
}

/**
 * Runs changes of one subject (a tree of agents, a partner) one after another, each in a store session of its own: in
 * this process in a line, urgent ones first, and the heads of the processes' lines in a line of their own, so that none
 * starves. All of them write the same row, so side by side they would only abort each other. That write is the
 * guarantee; the lines spare the retries, and a kill the many that a storm of spawns would cost it.
 */
export async function serializeByKey<T>(
  deps: SessionDeps,
  subject: string,
  work: (session: StoreSession) => Promise<T>,
  { urgent = false }: { urgent?: boolean } = {},
): Promise<T> {
  const { store, queueLink, keys } = deps;
  const [redis, key] = [queueLink.client, keys.lockQueue(subject)];
  // A hint only: while the queue store is away, changes merely meet and are tried again.
  const hint = (said: Promise<unknown>): Promise<unknown> => said.catch(() => undefined);
  const open = (): Promise<RegisteredSession> => openRegisteredSession(deps, subject);
  // Whoever is urgent stands in front of the other processes while it still waits in this one.
  let turn = urgent ? await open() : null;
  let ofStore = lines.get(store);
  if (!ofStore) lines.set(store, (ofStore = new Map()));
  let line = ofStore.get(subject);
  try {
    const told = turn && hint(redis.multi().lpush(key, turn.name).pexpire(key, LINE_TTL_MS).exec());
    if (line) await takePlace(line, urgent);
    else ofStore.set(subject, (line = []));
    try {
      turn ??= await open();
      await (told ?? hint(awaitTurn(deps, subject, turn.name, line)));
      return await work(turn.session);
    } finally {
      const next = line.shift();
      if (next) next.start();
      else ofStore.delete(subject);
    }
  } finally {
    if (turn) {
      void hint(redis.lrem(key, 0, turn.name));
      turn.leave();
    }
  }
}
