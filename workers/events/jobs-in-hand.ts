import { MAX_EVENTS_PER_CHUNK } from '../../shared/queue/event-chunk';

/** How many times as many small chunks as full chunks a worker may have in hand. */
const MAX_SMALL_PER_FULL = 4;
/** Share of the recent maximum that remains after each job. After 70 small jobs, a quarter remains. */
const DECAY = 0.98;

/**
 * Determines how many bulk jobs a worker may have in hand, so that the jobs contain about the same number of events
 * whether they are full or small: fewer would leave the commits of small chunks nearly empty, and more would delay
 * partners whose jobs are still in the queue. `fullJobs` is the limit for full chunks. A worker does not know the size of
 * a job before it takes it, so the limit follows the largest recent jobs, and one full chunk lowers it at once.
 */
export function createJobsInHand(fullJobs: number): { limitAfter(events: number): number } {
  let largest: number = MAX_EVENTS_PER_CHUNK;
  return {
    limitAfter(events) {
      largest = Math.max(largest * DECAY, events, 1);
      const limit = Math.floor((fullJobs * MAX_EVENTS_PER_CHUNK) / largest);
      return Math.min(limit, fullJobs * MAX_SMALL_PER_FULL);
    },
  };
}
