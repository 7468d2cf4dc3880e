import { createTimeSlices } from '../../shared/platform/time-slices';

/** Slices of this process's event loop, for reading and validating large submissions. */
export const nextSlice = createTimeSlices();
