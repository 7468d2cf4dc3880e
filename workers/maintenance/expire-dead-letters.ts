import type { Queue } from 'bullmq';
import type { Log } from '../../shared/log';
import { DEAD_LETTER_AGE_SECONDS } from '../../shared/queue/jobs';

/** More wait for the next run. */
const MAX_PER_RUN = 1_000;

/** Deletes dead letters beyond their age: BullMQ itself looks only when another job fails. Answers how many. */
export async function expireDeadLetters(queues: readonly Queue[], log: Log): Promise<number> {
  let expired = 0;
  for (const queue of queues) {
    const ids = await queue.clean(DEAD_LETTER_AGE_SECONDS * 1_000, MAX_PER_RUN, 'failed');
    if (ids.length > 0) log.warn({ queue: queue.name, jobIds: ids }, 'dead letters were too old and are deleted');
    expired += ids.length;
  }
  return expired;
}
