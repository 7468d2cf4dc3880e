import { randomUUID } from 'node:crypto';
import type { SignalsCache } from '../../shared/cache/signals-cache';
import { PARTITIONS, partitionOf } from '../../shared/domain/partition';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { Metrics } from '../../shared/metrics/metrics';
import type { Tracing } from '../../shared/tracing/tracing';
import type { EventChunk } from '../../shared/queue/event-chunk';
import type { ReceiptItem } from '../../shared/store/receipts';
import type { Store, StoreSession } from '../../shared/store/store';
import { openRegisteredSession, type SessionDeps } from '../../shared/locks/session-registry';
import { commitWithRetry } from './commit-with-retry';
import { putSignals } from './put-signals';
import { LOCK_MS, type PartitionLocks } from './partition-locks';
import type { EventDecision, GroupResult, PendingChunk, PendingEvent } from './pending';

/** Maximum number of events per transaction. */
const MAX_GROUP_EVENTS = 2_000;
/** Limits a group to half of the partitions, so that another group can be committed concurrently. */
const MAX_GROUP_PARTITIONS = PARTITIONS / 2;
const MAX_COMMITS_IN_FLIGHT = 4;
/** Delay before a retry when other processes hold all partitions that have work. */
const LOCK_RETRY_MS = 5;
/** Delay before a retry when a commit could not start. */
const START_RETRY_MS = 1_000;

/** Subject under which all commits register their database sessions. */
const COMMIT_SESSIONS = 'commits';

export interface Committer {
  /** Resolves with the items that are not PERSISTED, once all events are stored and their signals are visible. */
  commit(chunk: EventChunk, redelivered: boolean): Promise<ReceiptItem[]>;
}

/**
 * Gathers the events of all active jobs by their users' partitions, and commits the events in groups. This keeps the
 * number of transactions low, and no two concurrent transactions share a user. Unlike `coalesce`, the committer forms a
 * group when a commit slot and partitions become free, not at the end of a tick.
 */
export function createCommitter(
  deps: SessionDeps & {
    store: Pick<Store, 'transaction' | 'openSession' | 'killSessions' | 'events' | 'users'>;
    cache: Pick<SignalsCache, 'putNewer'>;
    locks: PartitionLocks;
    log: Log;
    metrics: Metrics;
    tracing: Tracing;
    signal: AbortSignal;
  },
): Committer {
  const { locks, log, metrics, tracing, signal } = deps;
  const waiting: PendingEvent[][] = Array.from({ length: PARTITIONS }, () => []);
  const busy = new Set<number>();
  let inFlight = 0;
  let pumpPlanned = false;

  const planPump = (): void => {
    if (pumpPlanned) return;
    pumpPlanned = true;
    setImmediate(() => {
      pumpPlanned = false;
      pump();
    });
  };

  /** Returns the free partitions that have work, fullest first, up to the maximum size of a group. */
  const choose = (): number[] => {
    const ready = waiting.flatMap((events, p) => (events.length > 0 && !busy.has(p) ? [p] : []));
    ready.sort((a, b) => waiting[b]!.length - waiting[a]!.length);
    let events = 0;
    return ready.slice(0, MAX_GROUP_PARTITIONS).filter((p, n) => {
      const fits = n === 0 || events + waiting[p]!.length <= MAX_GROUP_EVENTS;
      if (fits) events += waiting[p]!.length;
      return fits;
    });
  };

  /** Removes and returns the events that are waiting for the partitions, up to the maximum size of a group. */
  const take = (partitions: number[]): PendingEvent[] => {
    const group: PendingEvent[] = [];
    for (const p of partitions) group.push(...waiting[p]!.splice(0, MAX_GROUP_EVENTS - group.length));
    return group;
  };

  const pump = (): void => {
    if (signal.aborted) return giveUp();
    while (inFlight < MAX_COMMITS_IN_FLIGHT) {
      const partitions = choose();
      if (partitions.length === 0) return;
      for (const p of partitions) busy.add(p);
      inFlight += 1;
      runGroup(partitions).catch((error: unknown) => {
        log.error({ err: messageOf(error) }, 'commit could not start, retrying');
        free(partitions);
        setTimeout(planPump, START_RETRY_MS);
      });
    }
  };

  const commit = async (group: PendingEvent[], session: StoreSession): Promise<GroupResult> => {
    const stopTimer = metrics.commitSeconds.startTimer();
    metrics.commitEvents.observe(group.length);
    const chunks = [...new Set(group.map(({ of }) => of))];
    const facts = { 'mir.events': group.length, 'mir.jobs': chunks.length };
    const spans = chunks.map(({ span }) => span);
    const result = await tracing.inSpan('commit', facts, spans, () => commitWithRetry(deps, group, session));
    stopTimer();
    return result;
  };

  const free = (partitions: number[]): void => {
    for (const p of partitions) busy.delete(p);
    inFlight -= 1;
  };

  /** Rejects only if no commit was started. */
  const runGroup = async (partitions: number[]): Promise<void> => {
    const holder = randomUUID();
    const acquired = await locks.acquire(partitions, holder);
    if (acquired.length === 0) {
      free(partitions);
      setTimeout(planPump, LOCK_RETRY_MS);
      return;
    }
    // With this limit, a dead process's session is ended at about the time its locks expire.
    const own = await openRegisteredSession(deps, COMMIT_SESSIONS, { deadAfterMs: LOCK_MS }).catch(
      async (error: unknown) => {
        await locks.release(acquired, holder);
        throw error;
      },
    );
    const group = take(acquired);
    let result: GroupResult | null = null;
    let failure: unknown;
    try {
      if (group.length > 0) result = await commit(group, own.session);
    } catch (error) {
      failure = error;
    }
    // `finish` sends the rows to the cache before another commit can write newer rows for these partitions.
    const finished = result ? finish(group, result) : undefined;
    void locks.release(acquired, holder);
    own.close();
    free(partitions);
    planPump();
    if (!result) for (const { of } of group) of.failed(failure);
    await finished;
  };

  /** Makes the signals visible, then records each outcome on its chunk. */
  const finish = async (group: PendingEvent[], { decisions, rows }: GroupResult): Promise<void> => {
    try {
      await putSignals(deps, rows);
      decisions.forEach(recordDecision);
    } catch (error) {
      for (const { of } of group) of.failed(error);
    }
  };

  const recordDecision = ({ pending: { event, of }, outcome, storedId, code, message }: EventDecision): void => {
    if (outcome !== 'PERSISTED') {
      const { index } = event;
      const eventId = storedId ?? event.eventId;
      of.items.push({ index, eventId, outcome, ...(code ? { code } : {}), ...(message ? { message } : {}) });
    }
    of.open -= 1;
    if (of.open === 0) of.done();
  };

  /**
   * Fails the chunks whose events are still waiting for a partition. No commit of these events has started, so the next
   * worker to get the job commits them.
   */
  const giveUp = (): void => {
    const left = waiting.flatMap((events) => events.splice(0));
    for (const { of } of left) of.failed(signal.reason);
  };
  signal.addEventListener('abort', giveUp, { once: true });

  return {
    commit: (chunk, redelivered) =>
      new Promise((resolve, reject) => {
        const of: PendingChunk = {
          chunk,
          span: tracing.activeSpan(),
          redelivered,
          open: chunk.events.length,
          items: [],
          done: () => resolve(of.items),
          failed: reject,
        };
        for (const event of chunk.events) waiting[partitionOf(event.userRef)]!.push({ event, of });
        planPump();
      }),
  };
}
