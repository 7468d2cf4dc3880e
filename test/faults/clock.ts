import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findOnPath } from '../../deploy/local/paths';

const LIBRARY_FOLDERS = ['/usr/lib', '/usr/lib64', '/usr/local/lib'];
const LIBRARY = 'faketime/libfaketime.so.1';
const EXECUTABLE = 0o755;
const REDIS_SERVERS = ['valkey-server', 'redis-server'];

/** Returns the path of libfaketime (Debian package `faketime`), or null if it is not installed. */
export function findFaketime(): string | null {
  const folders = LIBRARY_FOLDERS.filter(existsSync).flatMap((folder) => [
    folder,
    ...readdirSync(folder)
      .filter((name) => name.endsWith('-linux-gnu'))
      .map((name) => path.join(folder, name)),
  ]);
  return folders.map((folder) => path.join(folder, LIBRARY)).find(existsSync) ?? null;
}

/** Returns the environment of a process whose wall clock is shifted by the offset in the file. */
export function shiftedEnv(library: string, offsetFile: string): Record<string, string> {
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: offsetFile,
    FAKETIME_CACHE_DURATION: '1',
    // Only the wall clock moves, as when an administrator or NTP sets it.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
}

/** Sets an offset. Processes notice within a second. Replaces the file in one step, because they may read it any time. */
export function setOffset(offsetFile: string, seconds: number): void {
  writeFileSync(`${offsetFile}.tmp`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  renameSync(`${offsetFile}.tmp`, offsetFile);
}

/** Returns an environment in which the Redis server on PATH is a script that runs it with a shifted clock. */
export function shiftedServer(folder: string, library: string, offsetFile: string): NodeJS.ProcessEnv {
  const env = process.env;
  const name = REDIS_SERVERS.find((one) => findOnPath(one, env) !== null);
  if (name === undefined)
    throw new Error('Shifting the clock of Redis requires valkey-server or redis-server on PATH.');
  const scripts = path.join(folder, 'shifted');
  mkdirSync(scripts, { recursive: true });
  const settings = Object.entries(shiftedEnv(library, offsetFile)).map(([key, value]) => `${key}='${value}'`);
  const script = `#!/bin/sh\nexec env ${settings.join(' ')} '${findOnPath(name, env)}' "$@"\n`;
  writeFileSync(path.join(scripts, name), script, { mode: EXECUTABLE });
  return { ...env, PATH: `${scripts}:${env['PATH']}` };
}
