import { overloaded } from '../../shared/platform/errors';
import { createGateByOwner } from '../../shared/platform/gate';
import { createTimeSlices } from '../../shared/platform/time-slices';

/** Heavy bodies of one tenant that a process reads, checks and queues at once. */
const MAX_HEAVY_BODIES = 2;
const MAX_HEAVY_BODIES_WAITING = 200;

/** Slices of this process's event loop, for reading and validating large submissions. */
export const nextSlice = createTimeSlices();

/** Lets few heavy bodies of a tenant in at once: inflating forty together takes the event loop from everybody else. */
export const withHeavyBody = createGateByOwner(MAX_HEAVY_BODIES, MAX_HEAVY_BODIES_WAITING, () =>
  overloaded('Too many large requests of yours are being read. Send them one after the other.'),
);
