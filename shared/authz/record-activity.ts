import type { Admission, Authorizer } from './authorizer';
import type { CheckKey } from './check-key';
import { messageOf } from '../errors';
import { pagesOf } from '../store/pages-of';
import type { Log } from '../log';
import type { ParsedApiKey } from '../domain/api-key';

/** Maximum number of callers with unsaved activity. At this limit, the activity of additional ones is not recorded. */
const MAX_WAITING = 10_000;
const MAX_PER_WRITE = 1_000;
/** How often activity that is due is saved. */
const SAVE_DUE_EVERY_MS = 1_000;

export interface ActivityRecorder {
  /** Records a caller's activity in memory. */
  record(id: string, atMs: number): void;
  /** Saves all recorded activity. If the write fails, keeps the activity for the next write. */
  flush(): Promise<void>;
  /** Stops the periodic writes, then saves everything one last time. */
  close(): Promise<void>;
}

/**
 * Collects the time of each caller's last activity and saves it within `maxDelayMs`, so that requests do not cause
 * writes. Each caller's time is due after a random part of this delay: if all were saved at once, the write would delay
 * the requests of that moment.
 */
export function createActivityRecorder(deps: {
  save: (times: [id: string, at: Date][]) => Promise<void>;
  maxDelayMs: number;
  log: Log;
}): ActivityRecorder {
  const { save, maxDelayMs, log } = deps;
  const waiting = new Map<string, { atMs: number; dueAtMs: number }>();
  let writing: Promise<void> | null = null;

  const record = (id: string, atMs: number): void => {
    const before = waiting.get(id);
    if (before) before.atMs = Math.max(before.atMs, atMs);
    else if (waiting.size < MAX_WAITING) {
      waiting.set(id, { atMs, dueAtMs: performance.now() + Math.random() * maxDelayMs });
    }
  };

  const saveUntil = async (dueAtMs: number): Promise<void> => {
    const due = [...waiting].filter(([, entry]) => entry.dueAtMs <= dueAtMs);
    for (const page of pagesOf(due, MAX_PER_WRITE)) {
      for (const [id] of page) waiting.delete(id);
      try {
        await save(page.map(([id, { atMs }]) => [id, new Date(atMs)]));
      } catch (error) {
        for (const [id, { atMs }] of page) record(id, atMs);
        log.warn({ err: messageOf(error), callers: page.length }, 'saving activity failed, retrying');
        return;
      }
    }
  };

  const write = (dueAtMs: number): Promise<void> =>
    (writing = saveUntil(dueAtMs).finally(() => {
      writing = null;
    }));

  const flush = async (): Promise<void> => {
    await writing;
    await write(Infinity);
  };

  const timer = setInterval(() => void (writing ?? write(performance.now())), SAVE_DUE_EVERY_MS);
  timer.unref();
  return {
    record,
    flush,
    close: async () => {
      clearInterval(timer);
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
  // An agent that uses its key at the partner's own services is active, too.
  const recordingCheck =
    (checkKey: CheckKey): CheckKey =>
    async (key) => {
      const found = await checkKey(key);
      return found && recorded(key, found);
    };
  const recordedAdmission = (key: ParsedApiKey, admission: Admission): Admission => ({
    ...recorded(key, admission),
    checkKey: recordingCheck(admission.checkKey),
  });
  return {
    ...authorizer,
    checkKeyFromStore: recordingCheck(authorizer.checkKeyFromStore),
    authorize: async (key, ...args) => recordedAdmission(key, await authorizer.authorize(key, ...args)),
    authorizeFromStore: async (key, ...args) =>
      recordedAdmission(key, await authorizer.authorizeFromStore(key, ...args)),
  };
}
