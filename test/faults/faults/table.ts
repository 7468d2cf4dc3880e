import { AIMED_KILLS } from './aimed-kills';
import { BACKLOG } from './backlog';
import { CLOCK_STEPS } from './clock-steps';
import { CONNECTION_FAULTS } from './connections';
import { CLUSTER_FAULTS } from './cluster';
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

/** Faults that need Redis to be one server. */
const OF_ONE_SERVER = new Set([5, 6, 9, 10, 12, 13, 16, 17, 18, 19, 20, 21, 22, 25, 29, 30]);

function onlyWithOneServer(fault: Fault): Fault {
  const unavailable: Fault['unavailable'] = (environment) =>
    environment.cluster === null ? (fault.unavailable?.(environment) ?? null) : 'it needs Redis to be one server';
  return { ...fault, unavailable };
}

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
  ...CLUSTER_FAULTS,
]
  .map((fault) => (OF_ONE_SERVER.has(fault.number) ? onlyWithOneServer(fault) : fault))
  .toSorted((a, b) => a.number - b.number);
