import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { codeOf } from './error-facts';
import { identify, isRunning, type ProcessIdentity } from '../../shared/process/process-identity';

const TAKEOVER_ATTEMPTS_MAX = 10;
const Holder = z.object({ pid: z.number(), born: z.string() });

export type LockOutcome = { outcome: 'held'; release: () => void } | { outcome: 'busy'; pid: number };

/** Acquires a lock file for this process, or takes it over from a dead process. Never waits. */
export function tryLock(file: string): LockOutcome {
  const mine = JSON.stringify({ ...identify(process.pid), token: randomUUID() });
  for (let attempt = 0; attempt < TAKEOVER_ATTEMPTS_MAX; attempt += 1) {
    if (createWith(file, mine)) return { outcome: 'held', release: () => releaseIf(file, mine) };
    const found = read(file);
    if (found === null) continue;
    const holder = parseHolder(found);
    if (holder !== null && isRunning(holder)) return { outcome: 'busy', pid: holder.pid };
    removeStale(file, found);
  }
  return { outcome: 'busy', pid: parseHolder(read(file) ?? '')?.pid ?? 0 };
}

// Creating a link is atomic, so no process ever reads a lock file that does not identify its holder.
function createWith(file: string, content: string): boolean {
  const temporary = `${file}.${randomUUID()}.tmp`;
  writeFileSync(temporary, content);
  try {
    linkSync(temporary, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

// Moves the file away before checking it, so only one of two processes that consider it stale can win. Restores a fresh
// lock that was moved by mistake.
function removeStale(file: string, judged: string): void {
  const aside = `${file}.${randomUUID()}.stale`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  const moved = read(aside);
  if (moved !== null && moved !== judged) createWith(file, moved);
  rmSync(aside, { force: true });
}

function releaseIf(file: string, mine: string): void {
  if (read(file) === mine) rmSync(file, { force: true });
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function parseHolder(text: string): ProcessIdentity | null {
  try {
    return Holder.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
