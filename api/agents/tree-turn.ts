import { setTimeout as delay } from 'node:timers/promises';
import { overloaded } from '../../shared/platform/errors';
import type { ApiContext } from '../context';

/** Changes of one tree that may wait in this process, and how long. */
const MAX_WAITING = 1_000;
const MAX_WAIT_MS = 10_000;
/** Longer than an urgent change may take; one whose process died is waited for no longer than the patience. */
const URGENT_MS = 5_000;
const PATIENCE_MS = 500;
const LOOK_EVERY_MS = 5;

interface Waiting {
  urgent: boolean;
  start: () => void;
}

type Deps = Pick<ApiContext, 'store' | 'queueLink' | 'keys'>;

const lines = new WeakMap<object, Map<string, Waiting[]>>();

function takePlace(line: Waiting[], urgent: boolean): Promise<void> {
  if (!urgent && line.length >= MAX_WAITING) throw overloaded('Too many changes of this tree wait already.', 1);
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
      reject(overloaded('Other changes of this tree took too long. Nothing was changed; try again.', 1));
    }, MAX_WAIT_MS);
    if (urgent) line.unshift(waiting);
    else line.push(waiting);
  });
}

/** Lets an urgent change of another process go first, but never keeps one waiting in this process. */
async function letUrgentPass({ queueLink, keys }: Deps, rootId: string, line: Waiting[]): Promise<void> {
  const giveUpAtMs = Date.now() + PATIENCE_MS;
  while (!line[0]?.urgent && Date.now() < giveUpAtMs) {
    if ((await queueLink.client.exists(keys.treeUrgent(rootId))) === 0) return;
    await delay(LOOK_EVERY_MS);
  }
}

/**
 * Runs changes of one tree one after another in this process, urgent ones first; those of other processes let an urgent
 * one pass too. All changes write the tree's root, so side by side they would only abort each other. That write is the
 * guarantee; this spares the retries, and a kill the many that a storm of spawns would cost it.
 */
export async function inTreeTurn<T>(
  deps: Deps,
  rootId: string,
  work: () => Promise<T>,
  { urgent = false }: { urgent?: boolean } = {},
): Promise<T> {
  const { store, queueLink, keys } = deps;
  // A hint only: while the queue store is away, changes merely meet and are tried again.
  const hint = (said: Promise<unknown>): Promise<unknown> => said.catch(() => undefined);
  let ofStore = lines.get(store);
  if (!ofStore) lines.set(store, (ofStore = new Map()));
  let line = ofStore.get(rootId);
  const told = urgent ? hint(queueLink.client.set(keys.treeUrgent(rootId), 1, 'PX', URGENT_MS)) : null;
  if (line) await takePlace(line, urgent);
  else ofStore.set(rootId, (line = []));
  try {
    await (told ?? hint(letUrgentPass(deps, rootId, line)));
    return await work();
  } finally {
    if (urgent) void hint(queueLink.client.del(keys.treeUrgent(rootId)));
    const next = line.shift();
    if (next) next.start();
    else ofStore.delete(rootId);
  }
}
