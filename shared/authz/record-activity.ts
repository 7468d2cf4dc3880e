import type { Admission, Authorizer } from './authorizer';
import { messageOf } from '../errors';
import type { Log } from '../log';
import type { Store } from '../store/store';

const FLUSH_EVERY_MS = 5_000;
/** Maximum number of agents with unsaved activity. At this limit, the activity of additional agents is not recorded. */
const MAX_WAITING = 10_000;
const MAX_PER_WRITE = 1_000;

export interface ActivityRecorder {
  /** Records an agent's activity in memory. */
  record(agentId: string, atMs: number): void;
  /** Saves the recorded activity. If the write fails, keeps the activity for the next flush. */
  flush(): Promise<void>;
  /** Stops the periodic flushes, then flushes one last time. */
  close(): Promise<void>;
}

/**
 * Collects the time of each agent's last activity and saves these times every 5 s, so that requests do not cause
 * writes.
 */
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
        log.warn({ err: messageOf(error), agents: page.length }, 'saving agent activity failed, retrying');
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

/** Wraps an authorizer to record the activity of each authorized agent. */
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
