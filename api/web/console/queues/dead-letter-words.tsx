import type { VNode } from 'preact';
import type { PartnerId } from '../../../../shared/domain/ids';
import type { DeadLetterQueue } from '../../../../shared/queue/queues';
import type { DeadLetter } from '../../../admin/dead-letters';
import { countOf } from '../../design/count-text';
import type { ApiContext } from '../../../context';

/** Where operators see dead letters, and replay or drop them. */
export const DEAD_LETTERS_PATH = '/console/dead-letters';

/** Where operators see one dead letter. */
export function deadLetterPath(id: string): string {
  return `${DEAD_LETTERS_PATH}/${encodeURIComponent(id)}`;
}

/** Names of the queues that keep dead letters. */
export const DEAD_LETTER_QUEUE_NAMES: Record<DeadLetterQueue, string> = {
  events: 'Events',
  'bulk-events': 'Bulk events',
};

interface FailureWords {
  /** What went wrong, in a few words. */
  short: string;
  meaning: string;
  /** What to do before a replay. */
  remedy: string;
}

const FAILURES: Readonly<Record<string, FailureWords>> = {
  PAYLOAD_UNREADABLE: {
    short: 'Unreadable',
    meaning: 'The worker could not read the job. Its data is damaged, or a newer version of MIR queued it.',
    remedy: 'If an upgrade is under way, upgrade the workers and replay. Otherwise, a replay fails again.',
  },
  AGENT_NOT_ALLOWED: {
    short: 'Agent was revoked',
    meaning: 'The agent that submitted the events was revoked before MIR received them.',
    remedy: 'A replay fails again. If the events are legitimate, the partner can submit them with its own key.',
  },
  STORE_REFUSED: {
    short: 'Rejected by the database',
    meaning: 'MongoDB rejected the content of some events. The others in the same job are stored.',
    remedy: 'Find the database’s error in the logs of the workers. Replay once the cause is fixed.',
  },
  JOB_FAILED: {
    short: 'Internal error',
    meaning: 'The worker stopped with an unexpected error.',
    remedy: 'Search the logs of the workers for the ID of the dead letter. Replay once the cause is fixed.',
  },
};

/** Returns the code of a failure, and what it means. */
export function failureOf({ failedReason }: Pick<DeadLetter, 'failedReason'>): FailureWords & { code: string } {
  const code = failedReason.split(':')[0]!;
  return { code, ...(FAILURES[code] ?? FAILURES['JOB_FAILED']!) };
}

/** Names of partners by their ID. */
export type PartnerNames = ReadonlyMap<string, string>;

/** Returns the names of the partners of dead letters, with one query. */
export async function partnerNamesOf(
  { store }: Pick<ApiContext, 'store'>,
  letters: readonly DeadLetter[],
): Promise<PartnerNames> {
  const ids = [...new Set(letters.flatMap(({ partnerId }) => (partnerId === null ? [] : [partnerId as PartnerId])))];
  if (ids.length === 0) return new Map();
  const partners = await store.partners.many(ids);
  return new Map([...partners].map(([id, { name }]) => [id, name]));
}

/** Names a partner and its environment. */
export function Owner({ letter, names }: { letter: DeadLetter; names: PartnerNames }): VNode {
  const { partnerId, env } = letter;
  if (partnerId === null) return <>not known</>;
  return (
    <>
      <bdi>{names.get(partnerId) ?? partnerId}</bdi> ({env})
    </>
  );
}

/** Says which events are missing, such as "3 events of Harbour Market (live)". */
export function MissingEvents({ letter, names }: { letter: DeadLetter; names: PartnerNames }): VNode {
  const { events, partnerId } = letter;
  if (events === null || partnerId === null) return <>Unreadable job</>;
  return (
    <>
      {countOf(events, 'event')} of <Owner letter={letter} names={names} />
    </>
  );
}
