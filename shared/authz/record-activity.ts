import type { Admission, Authorizer } from './authorizer';
import { messageOf } from '../errors';
import type { Log } from '../log';
import type { ParsedApiKey } from '../domain/api-key';

/** Maximum number of callers with unsaved activity. At this limit, the activity of additional ones is not recorded. */
const MAX_WAITING = 10_000;
const MAX_PER_WRITE = 1_000;

export interface ActivityRecorder {
  /** Records a caller's activity in memory. */
  record(id: string, atMs: number): void;
  /** Saves the recorded activity. If the write fails, keeps the activity for the next flush. */
  flush(): Promise<void>;
  /** Stops the periodic flushes, then flushes one last time. */
  close(): Promise<void>;
}

/**
 * Collects the time of each caller's last activity and saves these times periodically, so that requests do not cause
 * writes.
 */
export function createActivityRecorder(deps: {
  save: (times: [id: string, at: Date][]) => Promise<void>;
  flushEveryMs: number;
  log: Log;
}): ActivityRecorder {
  const { save, flushEveryMs, log } = deps;
  const waiting = new Map<string, number>();
  let writing: Promise<void> | null = null;

  const record = (id: string, atMs: number): void => {
    const before = waiting.get(id);
    if (before === undefined && waiting.size >= MAX_WAITING) return;
    waiting.set(id, Math.max(before ?? 0, atMs));
  };

  const write = async (): Promise<void> => {
    while (waiting.size > 0) {
      const page = [...waiting].slice(0, MAX_PER_WRITE);
      for (const [id] of page) waiting.delete(id);
      try {
        await save(page.map(([id, atMs]) => [id, new Date(atMs)]));
      } catch (error) {
        for (const [id, atMs] of page) record(id, atMs);
        log.warn({ err: messageOf(error), callers: page.length }, 'saving activity failed, retrying');
        return;
      }
    }
  };

  const flush = (): Promise<void> =>
    (writing ??= write().finally(() => {
      writing = null;
    }));

  const timer = setInterval(() => void flush(), flushEveryMs);
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

type Admitted = Pick<Admission, 'credential' | 'nowMs'>;

/**
 * Wraps an authorizer to record the activity of each authorized agent, by ID, and of each partner key, by hash. Below an
 * idle limit, also records that a descendant of each ancestor was active.
 */
export function recordingAuthorizer(
  authorizer: Authorizer,
  { agents, ancestors, keys }: Record<'agents' | 'ancestors' | 'keys', Pick<ActivityRecorder, 'record'>>,
): Authorizer {
  const recorded = <Found extends Admitted>({ hash, member }: ParsedApiKey, found: Found): Found => {
    const { agent, activeAncestors } = found.credential;
    const atMs = found.nowMs ?? Date.now();
    for (const id of activeAncestors) ancestors.record(id, atMs);
    if (agent) agents.record(agent.agentId, atMs);
    else if (!member) keys.record(hash, atMs);
    return found;
  };
  return {
    ...authorizer,
    // An agent that uses its key at the partner's own services is active, too.
    checkKey: (key) => authorizer.checkKey(key).then((found) => found && recorded(key, found)),
    checkKeyFromStore: (key) => authorizer.checkKeyFromStore(key).then((found) => found && recorded(key, found)),
    authorize: (key, ...args) => authorizer.authorize(key, ...args).then((admission) => recorded(key, admission)),
    authorizeFromStore: (key, ...args) =>
      authorizer.authorizeFromStore(key, ...args).then((admission) => recorded(key, admission)),
  };
}
