import { AIMED_KILLS } from './aimed-kills';
import { BACKLOG } from './backlog';
import { CLOCK_STEPS } from './clock-steps';
import { CONNECTION_FAULTS } from './connections';
import { ELECTIONS } from './elections';
import type { Fault } from './fault';
import { FULL_STORES } from './full-stores';
import { OUTAGES } from './outages';
import { POISON_PAYLOADS } from './poison-payloads';
import { PROCESS_FAULTS } from './processes';
import { RESTORE } from './restore';
import { SENTINEL } from './sentinel';

/** Faults that need the stores to have disks of their own. */
export const DISK_FAULTS = new Set([21, 28]);

/** All faults, by number. A number is never reused, because schedules and results refer to it. */
export const FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...OUTAGES,
  ...AIMED_KILLS,
  ...CONNECTION_FAULTS,
  ...ELECTIONS,
  ...FULL_STORES,
  ...SENTINEL,
  ...CLOCK_STEPS,
  ...POISON_PAYLOADS,
  ...BACKLOG,
  ...RESTORE,
].toSorted((a, b) => a.number - b.number);
