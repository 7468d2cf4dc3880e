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

/** The living `npm start` of the data folder, if its lock names one. */
function holderOf(lock: ProcessIdentity | 'damaged' | null): ProcessIdentity | null {
  return lock !== null && lock !== 'damaged' && isRunning(lock) ? lock : null;
}

/** What a crashed `npm start` may have left in its data folder. */
export function checkLeftovers(dataDir: string): Finding[] {
  const names = namesIn(dataDir);
  if (names === null) return [ok('embedded stack', `none at ${dataDir}`)];
  const findings: Finding[] = [];
  const lockFile = join(dataDir, 'lock');
  const lock = read(lockFile, identitySchema);
  const holder = holderOf(lock);
  if (lock !== null && holder === null) {
    const whose = lock === 'damaged' ? 'is damaged' : `is of process ${lock.pid}, which is gone`;
    findings.push(warn('embedded stack', `${lockFile} ${whose}`, '`npm start` takes it over; or delete the file'));
  }
  for (const store of STORES) {
    const server = read(join(dataDir, `${store}.process.json`), identitySchema);
    if (holder || server === null || server === 'damaged' || !isRunning(server)) continue;
    const found = `${store} (process ${server.pid}) still runs on ${dataDir}, though its \`npm start\` is gone`;
    findings.push(fail('embedded stack', found, `it should end by itself within 15 s; else: kill ${server.pid}`));
  }
  const stackFile = join(dataDir, 'stack.json');
  const stack = read(stackFile, stackSchema);
  if (stack !== null && holder === null) {
    findings.push(warn('embedded stack', `${stackFile} tells of a stack that is gone`, 'run `npm start` again'));
  }
  const strays = names.filter((name) => /\.(tmp|stale)$/.test(name));
  if (strays.length > 0 && holder === null) {
    const found = `half-written files in ${dataDir}: ${strays.join(', ')}`;
    findings.push(warn('embedded stack', found, 'delete them'));
  }
  if (findings.length > 0) return findings;
  return [ok('embedded stack', holder ? `runs, process ${holder.pid}, data ${dataDir}` : `stopped, data ${dataDir}`)];
}

/** Room on the disk of the data folder; the disks of given stores cannot be seen from here. */
export async function checkDisk(dataDir: string): Promise<Finding[]> {
  if (namesIn(dataDir) === null) return [];
  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  const text = `${(free / GIB).toFixed(1)} GiB free at ${dataDir}`;
  const remedy = 'make room, or move DATA_DIR to a larger disk while MIR is stopped';
  if (free < OUT_BYTES) return [fail('disk', text, remedy)];
  return [free < LOW_BYTES ? warn('disk', text, remedy) : ok('disk', text)];
}
