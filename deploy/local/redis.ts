import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findRedis, type RedisProgram } from './find-redis';
import { GUARD_SH, GUARDED_STDIN_SH } from './guard';
import { storesCacheDir } from './paths';
import { startOnPort } from './ports';
import { untilRedisServes } from './redis-probe';
import { awaitFormerServer, recordServer, type StartOptions, type StoreServer } from './store-server';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const LOG_TAIL_LINES = 5;
const MAX_MEMORY = '1gb';

/** Starts Redis or Valkey on loopback with an append-only file in `<dataDir>/redis`. */
export async function startRedis(options: StartOptions & { args?: readonly string[] }): Promise<StoreServer> {
  const { env = process.env, cacheDir = storesCacheDir(), onProgress = () => {}, args = [] } = options;
  const dataDir = resolve(options.dataDir);
  const found = await findRedis({ env, cacheDir, onProgress });
  mkdirSync(join(dataDir, 'redis'), { recursive: true });
  await awaitFormerServer(dataDir, 'redis');
  return startOnPort(options.port, (port) => launch(found, dataDir, port, args));
}

async function launch(
  found: RedisProgram,
  dataDir: string,
  port: number,
  args: readonly string[],
): Promise<StoreServer> {
  const logFile = join(dataDir, 'redis.log');
  const command = [found.program, ...serverArguments(dataDir, port, logFile), ...args];
  const script = `${GUARD_SH}\nexec "$@" ${GUARDED_STDIN_SH}`;
  // Detaches the server, so Ctrl-C reaches only the parent, which stops the stores last.
  const child = spawn('sh', ['-c', script, 'mir-redis', ...command], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  child.stdin.on('error', () => {});
  const pid = child.pid;
  if (pid === undefined) throw new Error('Redis did not start because sh cannot run');
  recordServer(dataDir, 'redis', pid);
  await untilServing(port, exited, logFile).catch(async (error: unknown) => {
    await end(child, exited, 'SIGKILL');
    throw error;
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    description: found.description,
    port,
    pid,
    exited,
    stop: () => end(child, exited, 'SIGTERM'),
    kill: () => end(child, exited, 'SIGKILL'),
  };
}

function serverArguments(dataDir: string, port: number, logFile: string): string[] {
  const settings: Record<string, string> = {
    port: String(port),
    bind: '127.0.0.1',
    dir: join(dataDir, 'redis'),
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    // BullMQ may lose jobs under any other policy.
    'maxmemory-policy': 'noeviction',
    maxmemory: MAX_MEMORY,
    daemonize: 'no',
    loglevel: 'warning',
    logfile: logFile,
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

async function untilServing(port: number, exited: Promise<void>, logFile: string): Promise<void> {
  const giveUp = AbortSignal.timeout(START_TIMEOUT_MS);
  const outcome = await Promise.race([
    untilRedisServes(port, giveUp).then(
      () => 'serving' as const,
      () => `did not respond within ${START_TIMEOUT_MS / 1000} s`,
    ),
    exited.then(() => 'exited immediately'),
  ]);
  if (outcome !== 'serving') throw new Error(`Redis ${outcome}. Last lines of ${logFile}:\n${tail(logFile)}`);
}

async function end(child: ChildProcess, exited: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  const timer = new AbortController();
  const late = delay(STOP_TIMEOUT_MS, 'late' as const, { signal: timer.signal }).catch(() => 'canceled' as const);
  if ((await Promise.race([exited, late])) === 'late') child.kill('SIGKILL');
  timer.abort();
  await exited;
}

function tail(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  } catch {
    return '(empty)';
  }
}
