import { readdirSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isRunning, type ProcessIdentity } from '../../../shared/process/process-identity';
import { type Finding, fail, ok, warn } from './finding';

const STORES = ['mongo', 'redis'] as const;
const GIB = 1024 ** 3;
const LOW_BYTES = 2 * GIB;
const OUT_BYTES = GIB / 4;

const identitySchema = z.object({ pid: z.number(), born: z.string() });
const stackSchema = z.object({ pid: z.number() });

function read<T extends z.ZodType>(file: string, schema: T): z.output<T> | 'damaged' | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return null;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return 'damaged';
  }
}

function namesIn(dataDir: string): string[] | null {
  try {
    return readdirSync(dataDir);
  } catch {
    return null;
  }
}

/** Returns the `npm start` process that holds the data folder's lock, or null if no running process holds it. */
function holderOf(lock: ProcessIdentity | 'damaged' | null): ProcessIdentity | null {
  return lock !== null && lock !== 'damaged' && isRunning(lock) ? lock : null;
}

/** Checks for files and processes that a crashed `npm start` left behind. */
export function checkLeftovers(dataDir: string): Finding[] {
  const names = namesIn(dataDir);
  if (names === null) return [ok('embedded stack', `none at ${dataDir}`)];
  const findings: Finding[] = [];
  const lockFile = join(dataDir, 'lock');
  const lock = read(lockFile, identitySchema);
  const holder = holderOf(lock);
  if (lock !== null && holder === null) {
    const state = lock === 'damaged' ? 'is damaged' : `belongs to process ${lock.pid}, which is no longer running`;
    findings.push(
      warn('embedded stack', `${lockFile} ${state}`, 'run `npm start` to take it over, or delete the file'),
    );
  }
  for (const store of STORES) {
    const server = read(join(dataDir, `${store}.process.json`), identitySchema);
    if (holder || server === null || server === 'damaged' || !isRunning(server)) continue;
    const found = `${store} (process ${server.pid}) is still running on ${dataDir}, but its \`npm start\` has exited`;
    findings.push(fail('embedded stack', found, `if it does not exit within 15 s, run: kill ${server.pid}`));
  }
  const stackFile = join(dataDir, 'stack.json');
  const stack = read(stackFile, stackSchema);
  if (stack !== null && holder === null) {
    findings.push(
      warn(
        'embedded stack',
        `${stackFile} is left over from a stack that is no longer running`,
        'run `npm start` again',
      ),
    );
  }
  const strays = names.filter((name) => /\.(tmp|stale)$/.test(name));
  if (strays.length > 0 && holder === null) {
    const found = `partially written files in ${dataDir}: ${strays.join(', ')}`;
    findings.push(warn('embedded stack', found, 'delete them'));
  }
  if (findings.length > 0) return findings;
  return [
    ok('embedded stack', holder ? `running, process ${holder.pid}, data ${dataDir}` : `stopped, data ${dataDir}`),
  ];
}

/**
 * Checks the free space on the data folder's disk. The disks of external stores cannot be checked from this machine.
 */
export async function checkDisk(dataDir: string): Promise<Finding[]> {
  if (namesIn(dataDir) === null) return [];
  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  const text = `${(free / GIB).toFixed(1)} GiB free at ${dataDir}`;
  const remedy = 'free up space, or stop MIR and move DATA_DIR to a larger disk';
  if (free < OUT_BYTES) return [fail('disk', text, remedy)];
  return [free < LOW_BYTES ? warn('disk', text, remedy) : ok('disk', text)];
}
