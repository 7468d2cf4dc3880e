import type { Queue } from 'bullmq';
import { DEAD_LETTER_QUEUES, type DeadLetterQueue } from '../../../shared/queue/jobs';
import type { Store } from '../../../shared/store/store';
import { type Finding, ok, warn } from './finding';

/** A job that waits or is at work for longer than this is stuck. */
const STUCK_MS = 60_000;
const LONG_CASCADE_MS = 5 * 60_000;
const MANY_UNSEALED = 10_000;

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;

async function oldestMs(queue: Queue, states: ('waiting' | 'prioritized' | 'active')[], nowMs: number) {
  const heads = await Promise.all(states.map((state) => queue.getJobs([state], 0, 0, true)));
  const times = heads.flat().map((job) => nowMs - (job.processedOn ?? job.timestamp));
  return Math.max(0, ...times);
}

/** Workers at the queue; null: the server does not list its clients. */
async function workersAt(queue: Queue): Promise<number | null> {
  return queue.getWorkersCount().catch(() => null);
}

/** Waiting and stuck jobs of a queue, and whether anybody works on them. */
export async function checkQueue(queue: Queue, nowMs: number): Promise<Finding[]> {
  const check = `queue ${queue.name}`;
  const counts = await queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed');
  const waiting = (counts['waiting'] ?? 0) + (counts['prioritized'] ?? 0);
  const workers = await workersAt(queue);
  const findings: Finding[] = [];
  if (workers === 0) findings.push(warn(check, 'no worker is connected', 'start one: npm run start:worker'));
  const waitedMs = await oldestMs(queue, ['waiting', 'prioritized'], nowMs);
  if (waitedMs > STUCK_MS) {
    const found = `${waiting} jobs wait, the oldest for ${seconds(waitedMs)}`;
    findings.push(warn(check, found, 'start more workers; look into their logs and at MongoDB'));
  }
  const activeMs = await oldestMs(queue, ['active'], nowMs);
  if (activeMs > STUCK_MS) {
    const found = `a job is at work for ${seconds(activeMs)}`;
    findings.push(warn(check, found, "look into the workers' logs and at MongoDB: they wait out an outage"));
  }
  if (findings.length === 0) {
    const at = workers === null ? '' : `, ${workers} worker${workers === 1 ? '' : 's'}`;
    findings.push(ok(check, `${waiting} waiting, ${counts['active'] ?? 0} at work${at}`));
  }
  return findings;
}

/** Jobs that workers gave up. */
export async function checkDeadLetters(queues: Readonly<Record<DeadLetterQueue, Queue>>): Promise<Finding[]> {
  const counts = await Promise.all(DEAD_LETTER_QUEUES.map((name) => queues[name].getFailedCount()));
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return [ok('dead letters', 'none')];
  const remedy = '`mir dead-letters list` tells why; fix the cause, then `dead-letters replay --all`';
  return [warn('dead letters', `${total} jobs were given up`, remedy)];
}

/** Kills that are not carried out to the end, and audit entries that nobody seals. */
export async function checkOpenWork({ cascades, audit }: Store, nowMs: number): Promise<Finding[]> {
  const [running, partial, oldest, unsealed] = await Promise.all([
    cascades.countOpen('RUNNING'),
    cascades.countOpen('PARTIAL'),
    cascades.oldestOpen(),
    audit.countUnsealed(),
  ]);
  const findings: Finding[] = [];
  const openMs = oldest === null ? 0 : nowMs - oldest.createdAt.getTime();
  if (partial > 0) {
    const found = `${partial} kills are in force, but some keys could not be deleted`;
    findings.push(
      warn(
        'cascades',
        found,
        '`mir agents cascade <id>` names the agents, the worker logs have the reason; it is tried again by itself',
      ),
    );
  }
  if (openMs > LONG_CASCADE_MS) {
    const found = `${running + partial} kills are open, the oldest for ${seconds(openMs)} (${oldest?._id})`;
    findings.push(warn('cascades', found, 'are workers running? They delete the keys; the kill itself is in force'));
  }
  if (findings.length === 0) findings.push(ok('cascades', `${running} open`));
  findings.push(
    unsealed >= MANY_UNSEALED
      ? warn('audit', `${unsealed} entries wait to be sealed`, 'are workers running? One of them seals each chain')
      : ok('audit', `${unsealed} entries wait to be sealed`),
  );
  return findings;
}
