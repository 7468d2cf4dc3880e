import { countOpenChunks } from '../../shared/queue/sweep-open-chunks';
import { findJobs, queueKeys } from '../../shared/queue/bullmq-internals';
import { erasuresQueue, wakeUpIdOf } from '../../shared/queue/wake-up-queue';
import type { ErasureDoc } from '../../shared/store/erasures';
import type { ApiContext } from '../context';

/** What an erasure waits for. */
export type ErasureStage =
  | 'DONE'
  /** No worker has it and none is woken for it. A sweep of the workers does that within seconds. */
  | 'NOT_QUEUED'
  /** Events of the user are still stored. */
  | 'EVENTS_STORED'
  /** Events that the partner submitted before the request are still queued, so that the user's may be among them. */
  | 'EVENTS_QUEUED'
  /** Dead letters and cached signals are left. */
  | 'FINISHING'
  /** Redis did not respond. */
  | 'UNKNOWN';

export interface ErasureProgress {
  stage: ErasureStage;
  /** Number of the user's stored events that are left, up to `maxEvents`. */
  eventsLeft: number;
  /** Number of the partner's chunks that were accepted before the request and are still queued. Null if unknown. */
  chunksQueued: number | null;
}

type Deps = Pick<ApiContext, 'store' | 'queueLink' | 'keys'>;

const NO_WORK = { eventsLeft: 0, chunksQueued: 0 };

/** Returns which of the erasures a worker has or will get, or null if Redis does not respond. */
async function readQueued({ queueLink, keys }: Deps, erasures: readonly ErasureDoc[]): Promise<boolean[] | null> {
  const ids = erasures.map(({ _id }) => wakeUpIdOf(_id, 0));
  return findJobs(queueLink.client, queueKeys(keys, erasuresQueue.name), ids).then(
    (states) => states.map((state) => state !== 'none'),
    () => null,
  );
}

async function progressOf(
  { store, queueLink, keys }: Deps,
  { tenant, userRef, erasedAt }: ErasureDoc,
  isQueued: boolean | null,
  maxEvents: number,
): Promise<ErasureProgress> {
  if (userRef === undefined) return { stage: 'DONE', ...NO_WORK };
  const [eventsLeft, chunksQueued] = await Promise.all([
    store.events.countThrough(tenant, userRef, erasedAt, maxEvents),
    countOpenChunks(queueLink, keys, tenant, erasedAt.getTime()).catch(() => null),
  ]);
  const stage = (): ErasureStage => {
    if (isQueued === null || chunksQueued === null) return 'UNKNOWN';
    if (!isQueued) return 'NOT_QUEUED';
    if (eventsLeft > 0) return 'EVENTS_STORED';
    return chunksQueued > 0 ? 'EVENTS_QUEUED' : 'FINISHING';
  };
  return { stage: stage(), eventsLeft, chunksQueued };
}

/**
 * Returns what each erasure waits for. Counts up to `maxEvents` events of each user. Does not throw if Redis does not
 * respond.
 */
export async function readErasureProgress(
  deps: Deps,
  erasures: readonly ErasureDoc[],
  maxEvents: number,
): Promise<ErasureProgress[]> {
  const running = erasures.filter(({ status }) => status === 'RUNNING');
  const queued = running.length === 0 ? [] : await readQueued(deps, running);
  const isQueued = new Map(running.map(({ _id }, n) => [_id, queued === null ? null : queued[n]!]));
  return Promise.all(
    erasures.map((erasure) =>
      erasure.status === 'DONE'
        ? Promise.resolve({ stage: 'DONE' as const, ...NO_WORK })
        : progressOf(deps, erasure, isQueued.get(erasure._id) ?? null, maxEvents),
    ),
  );
}
