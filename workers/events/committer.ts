import { randomUUID } from 'node:crypto';
import type { SignalsCache } from '../../shared/cache/signals-cache';
import { type Fence, NO_FENCE } from '../../shared/cache/versioned-cache';
import { withDeadline } from '../../shared/concurrency/deadline';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { Metrics } from '../../shared/metrics/metrics';
import type { Tracing } from '../../shared/tracing/tracing';
import type { EventChunk, EventLane } from '../../shared/queue/event-chunk';
import type { ReceiptItem } from '../../shared/store/receipts';
import type { Store, StoreSession } from '../../shared/store/store';
import { openRegisteredSession, type SessionDeps } from '../../shared/locks/session-registry';
import { commitWithRetry } from './commit-with-retry';
import { createGroupSize, type GroupSize } from './group-size';
import { putSignals } from './put-signals';
import { LOCK_MS, type PartitionLocks } from './partition-locks';
import { type EventDecision, type GroupResult, type PendingChunk, type PendingEvent, tenantsOf } from './pending';
import { createWaitingEvents, type Partition, type WaitingEvents } from './waiting-events';

/**
 * Limits per lane: concurrent commits of this process, events per transaction, and partitions considered for a group.
 * The interactive lane has its own commits, so it never waits for a bulk commit, and two of them, so it does not stand
 * still while one waits for a row. Fewer and smaller bulk commits cost no throughput and shorten the time for which the
 * database is busy with them.
 */
const LANES = {
  interactive: { maxCommits: 2, maxEvents: 500, maxPartitions: 512 },
  bulk: { maxCommits: 2, maxEvents: 1_000, maxPartitions: 256 },
} as const satisfies Record<EventLane, { maxCommits: number; maxEvents: number; maxPartitions: number }>;

/**
 * Documents per operation of a commit. The database does not process other commits during an operation, so operations
 * are short for a while after an interactive commit. During a dump, this shortens the time until another partner's
 * single events are visible from 108 to 43 ms (p50). Short operations cost about 15% of the throughput.
 */
const DOCS_PER_OPERATION = { alone: 1_000, besideInteractive: 100 } as const;
/**
 * Concurrent bulk commits during that time. A second one would compete with the interactive commits for the database and
 * for this process: without it, single events are visible after 27 instead of 41 ms (p50) or 105 instead of 190 ms (p99)
 * during a dump, which takes 7% longer.
 */
const MAX_BULK_COMMITS_BESIDE_INTERACTIVE = 1;
/** Time after an interactive commit for which bulk commits make way. */
const INTERACTIVE_RECENTLY_MS = 1_000;
/** Delay before a retry when other processes hold all partitions that have work. */
const LOCK_RETRY_MS = 5;
/** Delay before a retry when a commit could not start. */
const START_RETRY_MS = 1_000;

/** Maximum time that a commit waits for the cache. */
const FENCE_TIMEOUT_MS = 500;

/** Subject under which all commits register their database sessions. */
const COMMIT_SESSIONS = 'commits';

/** How a chunk reached the committer. */
export interface ChunkSource {
  lane: EventLane;
  /** True if a worker started this job before, so its events may already be stored. */
  redelivered: boolean;
}

export interface Committer {
  /** Resolves with the items that are not PERSISTED, once all events are stored and their signals are visible. */
  commit(chunk: EventChunk, source: ChunkSource): Promise<ReceiptItem[]>;
}

interface Lane {
  name: EventLane;
  waiting: WaitingEvents;
  size: GroupSize;
  inFlight: number;
}

/**
 * Gathers the events of all active jobs by their users' partitions, and commits the events of each lane in groups. This
 * requires few transactions, and no two concurrent transactions share a user, even across lanes. Unlike `coalesce`, the
 * committer forms a group when a commit slot and partitions become free, not at the end of a tick.
 */
export function createCommitter(
  deps: SessionDeps & {
    store: Pick<Store, 'transaction' | 'openSession' | 'killSessions' | 'events' | 'users'>;
    cache: Pick<SignalsCache, 'fence' | 'putNewer'>;
    locks: PartitionLocks;
    log: Log;
    metrics: Metrics;
    tracing: Tracing;
    signal: AbortSignal;
  },
): Committer {
  const { locks, log, metrics, tracing, signal } = deps;
  const laneNamed = (name: EventLane): Lane => ({
    name,
    waiting: createWaitingEvents(),
    size: createGroupSize(LANES[name].maxEvents),
    inFlight: 0,
  });
  const lanes = { interactive: laneNamed('interactive'), bulk: laneNamed('bulk') };
  const busy = new Set<Partition>();
  let arrived = 0;
  let pumpPlanned = false;
  let lastInteractiveAt = Number.NEGATIVE_INFINITY;

  const planPump = (): void => {
    if (pumpPlanned) return;
    pumpPlanned = true;
    setImmediate(() => {
      pumpPlanned = false;
      pump();
    });
  };

  const pump = (): void => {
    if (signal.aborted) return giveUp();
    pumpLane(lanes.interactive);
    pumpLane(lanes.bulk);
  };

  const isBesideInteractive = (): boolean => performance.now() - lastInteractiveAt <= INTERACTIVE_RECENTLY_MS;

  const maxCommitsOf = ({ name }: Lane): number =>
    name === 'bulk' && isBesideInteractive() ? MAX_BULK_COMMITS_BESIDE_INTERACTIVE : LANES[name].maxCommits;

  const pumpLane = (lane: Lane): void => {
    const { maxPartitions } = LANES[lane.name];
    while (lane.inFlight < maxCommitsOf(lane)) {
      const candidates = lane.waiting.ready((partition) => busy.has(partition), maxPartitions);
      if (candidates.length === 0) return;
      for (const { partition } of candidates) busy.add(partition);
      lane.inFlight += 1;
      void runGroup(lane, candidates);
    }
  };

  const commit = async (lane: Lane, group: PendingEvent[], session: StoreSession): Promise<GroupResult> => {
    const stopTimer = metrics.commitSeconds.startTimer();
    const startedAt = performance.now();
    metrics.commitEvents.observe(group.length);
    const chunks = [...new Set(group.map(({ of }) => of))];
    chunks.forEach((of) => noteStart(lane, of));
    const facts = { 'mir.events': group.length, 'mir.jobs': chunks.length, 'mir.lane': lane.name };
    const spans = chunks.map(({ span }) => span);
    if (lane.name === 'interactive') lastInteractiveAt = startedAt;
    const docsPerOperation = DOCS_PER_OPERATION[isBesideInteractive() ? 'besideInteractive' : 'alone'];
    let aborted = false;
    const onAborted = (): void => {
      aborted = true;
    };
    try {
      return await tracing.inSpan('commit', facts, spans, () =>
        commitWithRetry({ ...deps, docsPerOperation, onAborted }, group, session),
      );
    } finally {
      stopTimer();
      lane.size.record({ ms: performance.now() - startedAt, aborted });
    }
  };

  const noteStart = ({ name }: Lane, of: PendingChunk): void => {
    if (of.started) return;
    of.started = true;
    metrics.commitWaitSeconds.labels(name).observe(Math.max(0, Date.now() - of.chunk.receivedAtMs) / 1_000);
  };

  const end = (lane: Lane, partitions: Iterable<Partition>, pumpInMs: number): void => {
    for (const partition of partitions) busy.delete(partition);
    lane.inFlight -= 1;
    if (pumpInMs === 0) planPump();
    else setTimeout(planPump, pumpInMs);
  };

  /** Locks as many of the partitions as one group needs, and commits their events. Never rejects. */
  const runGroup = async (lane: Lane, candidates: { partition: Partition; events: number }[]): Promise<void> => {
    const max = lane.size.events();
    const held = await locks.acquire(candidates, max, randomUUID());
    const own = new Set(held.partitions);
    for (const { partition } of candidates) if (!own.has(partition)) busy.delete(partition);
    if (own.size === 0) return end(lane, [], LOCK_RETRY_MS);
    // The other partitions may form another group.
    planPump();
    try {
      // A dead holder's session is ended at about the time its locks expire.
      const registered = await openRegisteredSession(deps, COMMIT_SESSIONS, { deadAfterMs: LOCK_MS });
      await commitPartitions(lane, held.partitions, max, registered.session);
      registered.close();
      end(lane, own, 0);
    } catch (error) {
      log.error({ err: messageOf(error) }, 'commit could not start, retrying');
      end(lane, own, START_RETRY_MS);
    } finally {
      void held.release();
    }
  };

  /** Never rejects. A failed commit fails the chunks of its events. */
  const commitPartitions = async (
    lane: Lane,
    partitions: readonly Partition[],
    max: number,
    session: StoreSession,
  ): Promise<void> => {
    const group = lane.waiting.take(partitions, max);
    if (group.length === 0) return;
    try {
      // Before the transaction reads the users: a row that was read earlier than the fence could already be outdated.
      const fence = await fenceSlots(group);
      const result = await commit(lane, group, session);
      // `finish` sends the rows to the cache before another commit can write newer rows for these partitions.
      void finish(group, result, fence);
    } catch (error) {
      for (const { of } of group) of.failed(error);
    }
  };

  /** Fences the users' cache slots. Never rejects: if the cache does not respond, empty slots are left to the readers. */
  const fenceSlots = (group: readonly PendingEvent[]): Promise<Fence> => {
    const refs = new Set(group.map(({ event }) => event.userRef));
    const fencing = deps.cache.fence([...refs]);
    return withDeadline(fencing, FENCE_TIMEOUT_MS, () => new Error('the cache did not respond in time')).catch(
      () => NO_FENCE,
    );
  };

  /** Makes the signals visible, then records each outcome on its chunk. */
  const finish = async (group: PendingEvent[], { decisions, rows }: GroupResult, fence: Fence): Promise<void> => {
    try {
      await putSignals(deps, tenantsOf(group), rows, fence);
      decisions.forEach(recordDecision);
    } catch (error) {
      for (const { of } of group) of.failed(error);
    }
  };

  const recordDecision = ({ pending: { event, of }, outcome, storedId, ...details }: EventDecision): void => {
    if (outcome !== 'PERSISTED') {
      of.items.push({ index: event.index, eventId: storedId ?? event.eventId, outcome, ...details });
    }
    of.open -= 1;
    if (of.open === 0) of.done();
  };

  /**
   * Fails the chunks whose events are still waiting for a partition. No commit of these events has started, so the next
   * worker to get the job commits them.
   */
  const giveUp = (): void => {
    const left = Object.values(lanes).flatMap(({ waiting }) => waiting.takeAll());
    for (const { of } of left) of.failed(signal.reason);
  };
  signal.addEventListener('abort', giveUp, { once: true });

  return {
    commit: (chunk, { lane, redelivered }) =>
      new Promise((resolve, reject) => {
        const of: PendingChunk = {
          chunk,
          span: tracing.activeSpan(),
          redelivered,
          sequence: (arrived += 1),
          started: false,
          open: chunk.events.length,
          items: [],
          done: () => resolve(of.items),
          failed: reject,
        };
        for (const event of chunk.events) lanes[lane].waiting.add({ event, of });
        planPump();
      }),
  };
}
