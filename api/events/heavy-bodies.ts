import { PublicError } from '../http/public-error';
import { createSemaphore } from '../../shared/concurrency/semaphore';
import { createTimeSlices } from '../../shared/concurrency/time-slices';

/** Maximum number of heavy bodies per tenant that this process reads, validates and enqueues concurrently. */
const MAX_HEAVY_BODIES = 2;
const MAX_HEAVY_BODIES_WAITING = 200;

/** Allocates time slices of this process's event loop for reading and validating large submissions. */
export const nextSlice = createTimeSlices();

/**
 * Limits concurrent heavy bodies per tenant, because decompressing dozens of bodies at once would block the event loop.
 */
export const heavyBodies = createSemaphore({
  maxAtOnce: MAX_HEAVY_BODIES,
  maxWaiting: MAX_HEAVY_BODIES_WAITING,
  onFull: () =>
    new PublicError('OVERLOADED', 'You have too many large requests in progress. Send large requests one at a time.', {
      retryAfterSeconds: 2,
    }),
});
