import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { tryLock } from '../../../deploy/local/lock';
import { projectRoot } from '../../../shared/project';
import { freePort } from '../../../deploy/local/ports';
import { awaitExit, identify, type ProcessIdentity } from '../../../shared/process/process-identity';
import { readStackFile } from '../../../deploy/local/stack-file';
import { FOREIGN_ADDRESS, loopbackAddresses, otherAddresses, reachableOf } from '../../support/reach';
import { envWithoutStores, tempDirs } from '../../support/temp-dirs';

const EXIT_TIMEOUT_MS = 15_000;
const Pid = z.object({ pid: z.number() });
const PERMISSIONS = 0o777;
const OWNER_ONLY = 0o600;
const { tempDir, afterTest } = tempDirs();

// Stand-ins for the API and workers. They listen on BIND_ADDRESS, send `ready`, and drain on SIGTERM or parent exit.
const SERVE = `
  console.log('serving', process.env.ROLE ?? 'api', process.pid);
  const server = require('http').createServer((_, response) => response.end('{}'));
  server.listen(Number(process.env.LISTEN_PORT), process.env.BIND_ADDRESS, () => process.send({ type: 'ready', port: server.address().port }));
  for (const event of ['SIGTERM', 'disconnect'])
    process.on(event, () => { console.log('drained', process.pid); process.exit(0); });`;
const API = `process.env.LISTEN_PORT = process.env.PORT; ${SERVE}`;
const WORKER = `process.env.ROLE = 'worker'; process.env.LISTEN_PORT = process.env.WORKER_PORT; ${SERVE}`;
const CLI = `console.log(JSON.stringify({ partnerId: 'p', liveApiKey: 'live-key', testApiKey: 'test-key' }));`;

/** The programs that `npm start` runs. */
const REAL = Object.fromEntries(
  Object.entries({ api: 'api/main.js', worker: 'workers/main.js', cli: 'deploy/cli/main.js' }).map(([name, file]) => [
    name,
    join(projectRoot(), 'dist', file),
  ]),
);

interface Started {
  process: ChildProcess;
  output: () => string;
  /** Resolves with the match as soon as the output matches. */
  printed: (pattern: RegExp) => Promise<RegExpExecArray>;
  exitCode: Promise<number | null>;
}

function start(
  dataDir: string,
  programs: { api?: string; worker?: string } = {},
  extraEnv: NodeJS.ProcessEnv = {},
  useReal = false,
): Started {
  const folder = tempDir();
  const written = Object.entries({ api: API, worker: WORKER, cli: CLI, ...programs }).map(([name, text]) => {
    const file = join(folder, `${name}.js`);
    writeFileSync(file, text);
    return [name, file];
  });
  const script = `
    const { runStack } = require('./stack.js');
    const { listenForStop } = require('./stop-signals.js');
    const options = { env: process.env, color: false, signals: listenForStop(), print: console.log };
    runStack({ ...options, programs: ${JSON.stringify(useReal ? REAL : Object.fromEntries(written))} })
      .catch((error) => { console.log(error.message); return 1; })
      .then((code) => process.exit(code));`;
  const child = spawn(process.execPath, ['-e', script], {
    cwd: join(projectRoot(), 'dist', 'deploy', 'local'),
    env: { ...envWithoutStores(), DATA_DIR: dataDir, ...extraEnv },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exitCode = once(child, 'exit').then(() => child.exitCode);
  afterTest(async () => {
    child.kill('SIGTERM');
    await exitCode;
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const printed = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const match = pattern.exec(output);
        if (match !== null) resolve(match);
      };
      child.stdout.on('data', check);
      child.stdout.once('end', () => reject(new Error(`exited without printing ${String(pattern)}:\n${output}`)));
      check();
    });
  return { process: child, output: () => output, printed, exitCode };
}

function runningProcess(pid: string | undefined): ProcessIdentity {
  const identity = identify(Number(pid));
  if (identity === null) throw new Error(`process ${pid} is not running`);
  return identity;
}

describe('npm start', () => {
  it('listens on free ports, prints its URLs, keeps its secrets private and cleans up on Ctrl-C', async () => {
    const dataDir = tempDir();
    const first = start(dataDir, {}, { WORKERS: '2', KEYSPACE: 'elsewhere' });
    await first.printed(/Press Ctrl-C to stop/);
    const stack = readStackFile(dataDir);
    expect(stack).toMatchObject({ pid: first.process.pid, keyspace: 'elsewhere' });
    expect(stack?.workerUrls).toHaveLength(2);
    expect((await fetch(stack?.url ?? '')).status).toBe(200);
    expect(first.output()).toContain(`curl -s ${stack?.url}/v1/events -H 'x-api-key: test-key'`);
    expect(first.output()).toMatch(/live key +live-key/);
    expect(first.output()).toMatch(/test key +test-key/);
    expect(first.output()).toContain(`${stack?.url}/guide`);
    expect(first.output()).toContain(`ADMIN_TOKEN in ${join(dataDir, 'secrets.json')}`);
    for (const file of ['secrets.json', 'stack.json', 'demo-partner.json']) {
      expect([file, statSync(join(dataDir, file)).mode & PERMISSIONS]).toEqual([file, OWNER_ONLY]);
    }
    const secrets = readFileSync(join(dataDir, 'secrets.json'), 'utf8');

    first.process.kill('SIGINT');
    expect(await first.exitCode).toBe(0);
    expect(first.output().match(/^drained/gm)).toHaveLength(3);
    expect(['stack.json', 'lock'].filter((file) => existsSync(join(dataDir, file)))).toEqual([]);

    const second = start(dataDir);
    await second.printed(/Press Ctrl-C to stop/);
    expect(readFileSync(join(dataDir, 'secrets.json'), 'utf8')).toBe(secrets);
  });

  it('rejects a second start with the same data folder and reports the PID, URL and path of the first', async () => {
    const dataDir = tempDir();
    const first = start(dataDir);
    await first.printed(/Press Ctrl-C to stop/);
    const second = start(dataDir);
    expect(await second.exitCode).toBe(1);
    const url = readStackFile(dataDir)?.url;
    expect(second.output()).toBe(
      `MIR is already running with this data folder: pid ${first.process.pid}, ${url}, data ${dataDir}. ` +
        'To run a second instance, set DATA_DIR to another folder.\n',
    );
  });

  it('leaves no process running after kill -9 and can restart with the same data immediately', async () => {
    const dataDir = tempDir();
    const first = start(dataDir);
    await first.printed(/Press Ctrl-C to stop/);
    const record = (store: string): string =>
      String(Pid.parse(JSON.parse(readFileSync(join(dataDir, `${store}.process.json`), 'utf8'))).pid);
    const children = [...first.output().matchAll(/serving \w+ (\d+)/g)].map((match) => match[1]);
    const running = [...children, record('mongo'), record('redis')].map(runningProcess);
    expect(running).toHaveLength(4);

    first.process.kill('SIGKILL');
    const second = start(dataDir);
    await second.printed(/Press Ctrl-C to stop/);
    const gone = await Promise.all(running.map((identity) => awaitExit(identity, EXIT_TIMEOUT_MS)));
    expect(gone).toEqual([true, true, true, true]);
  });

  it('restarts a killed worker', async () => {
    const started = start(tempDir());
    const [, pid] = await started.printed(/serving worker (\d+)/);
    await started.printed(/Press Ctrl-C to stop/);
    process.kill(Number(pid), 'SIGKILL');
    const [, next] = await started.printed(/worker 1 exited \(SIGKILL\)[^]*serving worker (\d+)/);
    expect(next).not.toBe(pid);
  });

  it('stops everything and exits with code 1 when a program exits 5 times before it is ready', async () => {
    const started = start(tempDir(), { worker: `process.exit(2)` });
    expect(await started.exitCode).toBe(1);
    expect(started.output()).toContain('worker 1 exited 5 times before it was ready (last: exit code 2)');
    expect(started.output()).toContain('drained');
  });

  it('switches to another port if the chosen one is taken before the API listens', async () => {
    const dataDir = tempDir();
    const pidFile = join(dataDir, 'blocker.pid');
    // On the first start, another process takes the port before the API listens.
    const blockedApi = `
      const { existsSync, writeFileSync } = require('fs');
      const pidFile = ${JSON.stringify(pidFile)};
      if (existsSync(pidFile)) { ${API} } else {
        const listen = 'require("http").createServer().listen(' + process.env.PORT + ', () => console.log("up"))';
        const stdio = ['ignore', 'pipe', 'ignore'];
        const blocker = require('child_process').spawn(process.execPath, ['-e', listen], { detached: true, stdio });
        blocker.stdout.once('data', () => {
          writeFileSync(pidFile, blocker.pid + ' ' + process.env.PORT);
          process.exit(1);
        });
      }`;
    afterTest(() => process.kill(Number(readFileSync(pidFile, 'utf8').split(' ')[0]), 'SIGKILL'));
    const started = start(dataDir, { api: blockedApi });
    await started.printed(/Press Ctrl-C to stop/);
    const [, blockedPort] = readFileSync(pidFile, 'utf8').split(' ');
    const stack = readStackFile(dataDir)!;
    expect(new URL(stack.url).port).not.toBe(blockedPort);
    expect((await fetch(stack.url)).status).toBe(200);
    expect(started.output()).toContain(`curl -s ${stack.url}/v1/events`);
  });

  it('rejects a configured port that is in use, and invalid settings, before it starts anything', async () => {
    const port = String(await freePort());
    const first = start(tempDir(), {}, { PORT: port });
    await first.printed(/Press Ctrl-C to stop/);
    const samePort = start(tempDir(), {}, { PORT: port });
    const tooManyWorkers = start(tempDir(), {}, { WORKERS: '99' });
    expect([await samePort.exitCode, await tooManyWorkers.exitCode]).toEqual([1, 1]);
    expect(samePort.output()).toContain(`port ${port} (PORT) is in use`);
    expect(tooManyWorkers.output()).toContain('WORKERS');
    expect(samePort.output() + tooManyWorkers.output()).not.toContain('serving');
  });
});

/** Returns the port of every URL in the stack file. */
function portsOf(dataDir: string): number[] {
  const { url, metricsUrl, workerUrls, mongoUrl, redisUrl } = readStackFile(dataDir)!;
  return [url, metricsUrl, ...workerUrls, mongoUrl, redisUrl].map((text) => Number(new URL(text).port));
}

describe('network exposure of npm start', () => {
  it('accepts connections only from the same machine, and prints a working URL and curl command', async () => {
    const dataDir = tempDir();
    const started = start(dataDir, {}, {}, true);
    await started.printed(/Press Ctrl-C to stop/);
    const [api = 0, metrics = 0, worker = 0, ...stores] = portsOf(dataDir);
    for (const port of [api, metrics, worker, ...stores]) {
      expect([port, await reachableOf(otherAddresses(), port)]).toEqual([port, []]);
    }
    for (const port of [api, metrics, worker]) {
      expect([port, await reachableOf(loopbackAddresses(), port)]).toEqual([port, loopbackAddresses()]);
    }
    expect((await fetch(`${readStackFile(dataDir)?.url}/readyz`)).status).toBe(200);
    const curl = /^curl -s .*\/v1\/events .*$/m.exec(started.output())?.[0] ?? '';
    const { stdout } = await promisify(execFile)('sh', ['-c', curl]);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'ACCEPTED' });
  });

  it('prints a working URL when BIND_ADDRESS is a loopback address (IPv6 if available)', async () => {
    const address = loopbackAddresses().at(-1)!;
    const dataDir = tempDir();
    const started = start(dataDir, {}, { BIND_ADDRESS: address });
    await started.printed(/Press Ctrl-C to stop/);
    const { url } = readStackFile(dataDir)!;
    expect((await fetch(url)).status).toBe(200);
    expect(started.output()).toContain(`curl -s ${url}/v1/events`);
    expect(await reachableOf(loopbackAddresses(), Number(new URL(url).port))).toEqual([address]);
  });

  it('exposes the API, metrics and worker ports, but not the databases, when BIND_ADDRESS is ::', async () => {
    const dataDir = tempDir();
    const started = start(dataDir, {}, { BIND_ADDRESS: loopbackAddresses().includes('::1') ? '::' : '0.0.0.0' }, true);
    await started.printed(/Press Ctrl-C to stop/);
    const [api = 0, metrics = 0, worker = 0, ...stores] = portsOf(dataDir);
    for (const port of [api, metrics, worker]) {
      expect([port, await reachableOf(otherAddresses(), port)]).toEqual([port, otherAddresses()]);
    }
    for (const port of stores) expect([port, await reachableOf(otherAddresses(), port)]).toEqual([port, []]);
  });

  it('rejects an unusable BIND_ADDRESS with one message before it starts anything', async () => {
    const foreign = start(tempDir(), {}, { BIND_ADDRESS: FOREIGN_ADDRESS });
    const wrong = start(tempDir(), {}, { BIND_ADDRESS: '[::]' });
    expect([await foreign.exitCode, await wrong.exitCode]).toEqual([1, 1]);
    expect(foreign.output()).toBe(
      `MIR cannot start: This machine cannot listen on ${FOREIGN_ADDRESS} (EADDRNOTAVAIL). ` +
        'Set BIND_ADDRESS to one of its own addresses, or to localhost.\n',
    );
    expect(wrong.output()).toMatch(
      /^MIR cannot start: 1 setting is invalid\.\n {2}- BIND_ADDRESS: must be an IP address/,
    );
  });
});

describe('data folder lock', () => {
  it('grants the lock again after its release', () => {
    const file = join(tempDir(), 'lock');
    const first = tryLock(file);
    expect(tryLock(file)).toEqual({ outcome: 'busy', pid: process.pid });
    if (first.outcome === 'held') first.release();
    expect(tryLock(file).outcome).toBe('held');
  });

  it('replaces the lock of a process that has exited, even if its PID has been reused', async () => {
    const file = join(tempDir(), 'lock');
    const exited = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
    const identity = exited.pid === undefined ? null : identify(exited.pid);
    await once(exited, 'exit');
    for (const holder of [identity, { pid: process.pid, born: 'earlier' }]) {
      writeFileSync(file, JSON.stringify(holder));
      const lock = tryLock(file);
      expect(lock.outcome).toBe('held');
      if (lock.outcome === 'held') lock.release();
    }
  });
});
