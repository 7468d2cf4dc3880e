import type { Admission, Door } from './authorizer';
import { messageOf } from '../errors';
import type { Log } from '../log';
import type { Store } from '../store/store';

const FLUSH_EVERY_MS = 5_000;
/** Agents whose time waits to be written; beyond it an agent's time is taken when it is seen the next time. */
const MAX_WAITING = 10_000;
const MAX_PER_WRITE = 1_000;

export interface ActivityNotes {
  /** Remembers that an agent was seen. */
  note(agentId: string, atMs: number): void;
  /** Writes what is remembered; what cannot be written is kept for the next time. */
  flush(): Promise<void>;
  /** Writes what is left and ends. */
  close(): Promise<void>;
}

/** Collects when agents were seen and writes it now and then: never a write per request. */
export function createActivityNotes({ store, log }: { store: Pick<Store, 'agents'>; log: Log }): ActivityNotes {
  const waiting = new Map<string, number>();
  let writing: Promise<void> | null = null;

  const note = (agentId: string, atMs: number): void => {
    const before = waiting.get(agentId);
    if (before === undefined && waiting.size >= MAX_WAITING) return;
    waiting.set(agentId, Math.max(before ?? 0, atMs));
  };

  const write = async (): Promise<void> => {
    while (waiting.size > 0) {
      const page = [...waiting].slice(0, MAX_PER_WRITE);
      for (const [agentId] of page) waiting.delete(agentId);
      try {
        await store.agents.noteActivity(page.map(([agentId, atMs]) => [agentId, new Date(atMs)]));
      } catch (error) {
        for (const [agentId, atMs] of page) note(agentId, atMs);
        log.warn({ err: messageOf(error) }, "agents' last activity was not written; it will be");
        return;
      }
    }
  };

  const flush = (): Promise<void> =>
    (writing ??= write().finally(() => {
      writing = null;
    }));

  const timer = setInterval(() => void flush(), FLUSH_EVERY_MS);
  timer.unref();
  return {
    note,
    flush,
    close: async () => {
      clearInterval(timer);
      await writing;
      await flush();
    },
  };
}

/** A door that tells when agents come in. */
export function notingDoor(door: Door, { note }: Pick<ActivityNotes, 'note'>): Door {
  const noted = (admission: Admission): Admission => {
    const { agent } = admission.credential;
    if (agent) note(agent.agentId, admission.nowMs ?? Date.now());
    return admission;
  };
  return {
    ...door,
    enter: (...args) => door.enter(...args).then(noted),
    enterFromStore: (...args) => door.enterFromStore(...args).then(noted),
  };
}
