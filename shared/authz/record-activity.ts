import type { Admission, Authorizer } from './authorizer';
import { messageOf } from '../errors';
import type { Log } from '../log';
import type { Store } from '../store/store';

const FLUSH_EVERY_MS = 5_000;
/** Agents whose time waits to be written; beyond it an agent's time is taken when it is seen the next time. */
const MAX_WAITING = 10_000;
const MAX_PER_WRITE = 1_000;

export interface ActivityRecorder {
  /** Remembers that an agent was seen. */
  record(agentId: string, atMs: number): void;
  /** Writes what is remembered; what cannot be written is kept for the next time. */
  flush(): Promise<void>;
  /** Writes what is left and ends. */
  close(): Promise<void>;
}

/** Collects when agents were seen and writes it now and then: never a write per request. */
export function createActivityRecorder({ store, log }: { store: Pick<Store, 'agents'>; log: Log }): ActivityRecorder {
  const waiting = new Map<string, number>();
  let writing: Promise<void> | null = null;

  const record = (agentId: string, atMs: number): void => {
    const before = waiting.get(agentId);
    if (before === undefined && waiting.size >= MAX_WAITING) return;
    waiting.set(agentId, Math.max(before ?? 0, atMs));
  };

  const write = async (): Promise<void> => {
    while (waiting.size > 0) {
      const page = [...waiting].slice(0, MAX_PER_WRITE);
      for (const [agentId] of page) waiting.delete(agentId);
      try {
        await store.agents.recordActivity(page.map(([agentId, atMs]) => [agentId, new Date(atMs)]));
      } catch (error) {
        for (const [agentId, atMs] of page) record(agentId, atMs);
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
    record,
    flush,
    close: async () => {
      clearInterval(timer);
      await writing;
      await flush();
    },
  };
}

/** Wraps an authorizer: each authorized agent is recorded as active. */
export function recordingAuthorizer(authorizer: Authorizer, { record }: Pick<ActivityRecorder, 'record'>): Authorizer {
  const recorded = (admission: Admission): Admission => {
    const { agent } = admission.credential;
    if (agent) record(agent.agentId, admission.nowMs ?? Date.now());
    return admission;
  };
  return {
    ...authorizer,
    authorize: (...args) => authorizer.authorize(...args).then(recorded),
    authorizeFromStore: (...args) => authorizer.authorizeFromStore(...args).then(recorded),
  };
}
