import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;
const STATE_FIELD = 0;
const START_TIME_FIELD = 19;

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessIdentity {
  pid: number;
  /** When it was born (Linux), or just "alive" where the system does not tell. */
  born: string;
}

/** The identity of a running process; null when there is none, or only its zombie. */
export function identify(pid: number): ProcessIdentity | null {
  if (process.platform !== 'linux') return canSignal(pid) ? { pid, born: 'alive' } : null;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[STATE_FIELD] === 'Z' || fields[STATE_FIELD] === 'X') return null;
    return { pid, born: `${bootId()}:${fields[START_TIME_FIELD]}` };
  } catch {
    return null;
  }
}

/** Whether exactly that process still runs. */
export function isRunning({ pid, born }: ProcessIdentity): boolean {
  return identify(pid)?.born === born;
}

/** Waits until that process is gone. `false`: it still runs after the time. */
export async function awaitExit(of: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (isRunning(of)) {
    if (Date.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function canSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Structural: under jest the errors of Node's own modules come from another realm.
    return (error as { code?: unknown }).code === 'EPERM';
  }
}
