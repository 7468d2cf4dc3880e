import type { Log } from '../../shared/log';
import { DEAD_LETTER_AGE_SECONDS } from '../../shared/queue/define-queue';
import { DEAD_LETTER_QUEUES, type InspectedQueues } from '../../shared/queue/queues';

/** Maximum number of dead letters that one run deletes from each queue. Later runs delete the rest. */
const MAX_PER_RUN = 1_000;

/** Deletes expired dead letters, because BullMQ does so only when another job fails. Returns how many were deleted. */
export async function expireDeadLetters(queues: InspectedQueues, log: Log): Promise<number> {
  let expired = 0;
  for (const queue of DEAD_LETTER_QUEUES) {
    const ids = await queues[queue].clean(DEAD_LETTER_AGE_SECONDS * 1_000, MAX_PER_RUN, 'failed');
    if (ids.length > 0) log.warn({ queue, jobIds: ids }, 'expired dead letters deleted');
    expired += ids.length;
  }
  return expired;
}
