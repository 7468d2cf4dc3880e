import type { Log } from '../../shared/log';
import { DEAD_LETTER_AGE_SECONDS } from '../../shared/queue/define-queue';
import { DEAD_LETTER_QUEUES, type InspectedQueues } from '../../shared/queue/queues';

/** More wait for the next run. */
const MAX_PER_RUN = 1_000;

/** Deletes dead letters beyond their age: BullMQ itself looks only when another job fails. Answers how many. */
export async function expireDeadLetters(queues: InspectedQueues, log: Log): Promise<number> {
  let expired = 0;
  for (const queue of DEAD_LETTER_QUEUES) {
    const ids = await queues[queue].clean(DEAD_LETTER_AGE_SECONDS * 1_000, MAX_PER_RUN, 'failed');
    if (ids.length > 0) log.warn({ queue, jobIds: ids }, 'dead letters were too old and are deleted');
    expired += ids.length;
  }
  return expired;
}
