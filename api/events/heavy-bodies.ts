import { PublicError } from '../http/public-error';
import { createSemaphore } from '../../shared/concurrency/semaphore';
import { createTimeSlices } from '../../shared/concurrency/time-slices';

/** Heavy bodies of one tenant that a process reads, checks and queues at once. */
const MAX_HEAVY_BODIES = 2;
const MAX_HEAVY_BODIES_WAITING = 200;

/** Slices of this process's event loop, for reading and validating large submissions. */
export const nextSlice = createTimeSlices();

/** Bounds how many heavy bodies of a tenant are read at once: inflating forty together would block the event loop. */
export const heavyBodies = createSemaphore({
  maxAtOnce: MAX_HEAVY_BODIES,
  maxWaiting: MAX_HEAVY_BODIES_WAITING,
  onFull: () =>
    new PublicError('OVERLOADED', 'Too many of your large requests are in progress. Send them one at a time.', {
      retryAfterSeconds: 2,
    }),
});
