import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;
const STATE_FIELD = 0;
const START_TIME_FIELD = 19;

/** Identifies a process even if its PID is reused later. */
export interface ProcessIdentity {
  pid: number;
  /** Start time on Linux, or "alive" on systems that do not report it. */
  born: string;
}

/** Returns a process's identity, or null if the process does not exist or is a zombie. */
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

/** Returns whether this exact process is still running. */
export function isRunning({ pid, born }: ProcessIdentity): boolean {
  return identify(pid)?.born === born;
}

/** Waits until the process exits. Returns false if it is still running after the timeout. */
export async function awaitExit(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (isRunning(identity)) {
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
    // Avoids `instanceof`, because under Jest, errors from Node's own modules come from another realm.
    return (error as { code?: unknown }).code === 'EPERM';
  }
}
