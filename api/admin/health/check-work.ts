import type { Queue } from 'bullmq';
import { queueStats } from '../../../shared/queue/queue-stats';
import { findEventShards } from '../../../shared/queue/event-shards';
import { DEAD_LETTER_QUEUES } from '../../../shared/queue/queues';
import type { RedisLink } from '../../../shared/redis/link';
import type { RedisKeys } from '../../../shared/redis/keys';
import type { Store } from '../../../shared/store/store';
import { type Finding, ok, warn } from './finding';

/** A job that has been waiting or active for longer than this is reported as stuck. */
const STUCK_MS = 60_000;
const LONG_CASCADE_MS = 5 * 60_000;
/** What the check of a queue without workers finds. */
export const NO_WORKER = 'no worker is connected';
const MANY_UNSEALED = 10_000;

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;

/** Returns the number of connected workers, or null if the server does not list its clients. */
async function workersAt(queue: Queue): Promise<number | null> {
  return queue.getWorkersCount().catch(() => null);
}

/** Returns the number of workers of the shard that has the fewest. */
async function fewestWorkers(shards: readonly Queue[]): Promise<number | null> {
  const counts = await Promise.all(shards.map(workersAt));
  return counts.reduce((fewest, count) => (fewest === null || count === null ? null : Math.min(fewest, count)));
}

/** Checks the shards of a queue for workers, and for jobs that have been waiting or active too long. */
export async function checkQueue(
  name: string,
  shards: ReadonlyMap<number, Queue>,
  link: RedisLink,
  keys: RedisKeys,
): Promise<Finding[]> {
  const check = `queue ${name}`;
  const { jobs, oldestWaitingMs, longestActiveMs } = await queueStats(link, keys, name, [...shards.keys()]);
  const waiting = jobs.waiting + jobs.prioritized;
  const workers = await fewestWorkers([...shards.values()]);
  const findings: Finding[] = [];
  if (workers === 0) findings.push(warn(check, NO_WORKER, 'start one: npm run start:worker'));
  if (oldestWaitingMs > STUCK_MS) {
    const found = `waiting jobs: ${waiting}, the oldest for ${seconds(oldestWaitingMs)}`;
    findings.push(warn(check, found, 'start more workers; check their logs and MongoDB'));
  }
  if (longestActiveMs > STUCK_MS) {
    const found = `a job has been active for ${seconds(longestActiveMs)}`;
    findings.push(warn(check, found, "check the workers' logs and MongoDB; workers retry until an outage ends"));
  }
  if (findings.length === 0) {
    const at = workers === null ? '' : `, ${workers} worker${workers === 1 ? '' : 's'}`;
    findings.push(ok(check, `${waiting} waiting, ${jobs.active} active${at}`));
  }
  return findings;
}

/** Reports the shards of the event queues, and those that have jobs although `EVENT_QUEUE_SHARDS` does not include them. */
export function checkShards({ eventShards }: RedisKeys, used: readonly number[]): Finding[] {
  const former = used.filter((shard) => shard >= eventShards);
  const found = `EVENT_QUEUE_SHARDS=${eventShards}`;
  if (former.length === 0) return eventShards === 1 ? [] : [ok('queue shards', found)];
  const remedy = 'none is needed after the setting was reduced: workers empty them, and dead letters expire';
  return [warn('queue shards', `${found}, but jobs or dead letters are in shard ${former.join(', ')}`, remedy)];
}

/** Returns the number of jobs that failed permanently. */
export async function countDeadLetters(link: RedisLink, keys: RedisKeys): Promise<number> {
  const shards = await findEventShards(link, keys);
  const stats = await Promise.all(DEAD_LETTER_QUEUES.map((name) => queueStats(link, keys, name, shards)));
  return stats.reduce((sum, { jobs }) => sum + jobs.failed, 0);
}

/** Checks for jobs that failed permanently. */
export async function checkDeadLetters(link: RedisLink, keys: RedisKeys): Promise<Finding[]> {
  const total = await countDeadLetters(link, keys);
  if (total === 0) return [ok('dead letters', 'none')];
  const remedy = 'run `mir dead-letters list` for the reasons, fix the cause, then run `mir dead-letters replay --all`';
  return [warn('dead letters', `jobs that failed permanently: ${total}`, remedy)];
}

/** Kills whose keys are not all deleted yet. */
export interface OpenKills {
  running: number;
  /** Kills with keys that workers could not delete. */
  partial: number;
  oldest: { cascadeId: string; createdAt: Date } | null;
  /** The oldest has been open for longer than a kill should take. */
  isLate: boolean;
}

/** Reads the kills that are not closed. */
export async function readOpenKills({ cascades }: Pick<Store, 'cascades'>, nowMs: number): Promise<OpenKills> {
  const [running, partial, oldest] = await Promise.all([
    cascades.countOpen('RUNNING'),
    cascades.countOpen('PARTIAL'),
    cascades.oldestOpen(),
  ]);
  return {
    running,
    partial,
    oldest: oldest && { cascadeId: oldest._id, createdAt: oldest.createdAt },
    isLate: oldest !== null && nowMs - oldest.createdAt.getTime() > LONG_CASCADE_MS,
  };
}

/** Checks for kills with unfinished cascades and for unsealed audit entries. */
export async function checkOpenWork(store: Store, nowMs: number): Promise<Finding[]> {
  const [{ running, partial, oldest, isLate }, unsealed] = await Promise.all([
    readOpenKills(store, nowMs),
    store.audit.countUnsealed(),
  ]);
  const findings: Finding[] = [];
  if (partial > 0) {
    const found = `kills in force with keys that workers could not delete: ${partial}`;
    findings.push(
      warn(
        'cascades',
        found,
        "run `mir agents cascade <id>` to list the agents, and check the workers' logs; workers keep retrying",
      ),
    );
  }
  if (oldest && isLate) {
    const openMs = nowMs - oldest.createdAt.getTime();
    const found = `open kills: ${running + partial}, the oldest for ${seconds(openMs)} (${oldest.cascadeId})`;
    findings.push(
      warn(
        'cascades',
        found,
        'check that workers are running: they delete the keys of a kill, which is already in force',
      ),
    );
  }
  if (findings.length === 0) findings.push(ok('cascades', `${running} open`));
  findings.push(
    unsealed >= MANY_UNSEALED
      ? warn('audit', `entries not sealed yet: ${unsealed}`, 'check that workers are running: they seal the entries')
      : ok('audit', `entries not sealed yet: ${unsealed}`),
  );
  return findings;
}
