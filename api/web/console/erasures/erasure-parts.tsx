import type { VNode } from 'preact';
import type { ErasureStage } from '../../../users/erasure-progress';
import { type ListedErasure, LONG_ERASURE_MS } from '../../../users/list-erasures';
import { State } from '../../design/app-parts';

/** Where operators see erasures. */
export const ERASURES = '/console/erasures';

/** Where operators follow an erasure. */
export function erasurePath(receiptId: string): string {
  return `${ERASURES}/${encodeURIComponent(receiptId)}`;
}

/** What an erasure waits for, in a few words. */
export const STAGE_WORDS: Record<ErasureStage, string> = {
  DONE: 'Nothing',
  NOT_QUEUED: 'A worker that picks it up',
  EVENTS_STORED: 'Stored events to be deleted',
  EVENTS_QUEUED: 'Events of the partner that are still queued',
  FINISHING: 'The last check of dead letters and caches',
  UNKNOWN: 'Unknown: Redis did not respond',
};

/** What that means, and what to do. */
export const STAGE_MEANINGS: Record<ErasureStage, string> = {
  DONE: 'No event of the user is stored or queued that MIR received before the request.',
  NOT_QUEUED:
    'No job wakes a worker for it. Workers look for such erasures every few seconds, so if this stays, no worker is running, or its jobs fail: see the logs of the workers.',
  EVENTS_STORED:
    'A worker deletes the events in pages. If the number of deleted events does not grow, no worker is running, or MongoDB does not respond.',
  EVENTS_QUEUED:
    'Chunks that the partner submitted before the request may contain events of the user, so the erasure ends only when they are processed. If they wait for long, see the queues and dead letters.',
  FINISHING: 'Usually takes a second. A worker redacts the user’s events in dead letters, and refreshes the caches.',
  UNKNOWN: 'The queues are in Redis, so what the erasure waits for can be read only when it responds again.',
};

/** Returns whether an erasure takes longer than operators should accept without a look. */
export function isLate({ status, erasedAt }: Pick<ListedErasure, 'status' | 'erasedAt'>, nowMs = Date.now()): boolean {
  return status === 'RUNNING' && nowMs - Date.parse(erasedAt) > LONG_ERASURE_MS;
}

/** The state of an erasure as a word with a shape. */
export function ErasureState({ erasure }: { erasure: Pick<ListedErasure, 'status' | 'erasedAt'> }): VNode {
  if (erasure.status === 'DONE') return <State kind="active">Done</State>;
  return isLate(erasure) ? <State kind="suspended">Late</State> : <State kind="pending">Running</State>;
}

/** The partner and environment that something belongs to. */
export function Owner({
  owner: { partnerId, partnerName, environment },
}: {
  owner: Pick<ListedErasure, 'partnerId' | 'partnerName' | 'environment'>;
}): VNode {
  return (
    <span>
      {partnerName === null ? <code>{partnerId}</code> : <bdi>{partnerName}</bdi>}, {environment}
    </span>
  );
}

const SECOND_MS = 1_000;
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** Returns a length of time in its largest unit, such as "3 hours". */
export function lengthText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND_MS));
  const [unit, length] = UNITS.find(([, one]) => seconds >= one) ?? UNITS.at(-1)!;
  const count = Math.floor(seconds / length);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
