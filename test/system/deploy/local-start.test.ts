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
import { loopbackAddresses, otherAddresses, reachedOf } from '../../support/reach';
import { envWithoutStores, tempDirs } from '../../support/temp-dirs';

const EXIT_TIMEOUT_MS = 15_000;
const Pid = z.object({ pid: z.number() });
const PERMISSIONS = 0o777;
const OWNER_ONLY = 0o600;
const { tempDir, afterTest } = tempDirs();

// Programs that keep the contract of the API and the workers: say ready, drain on SIGTERM and on a lost parent.
const SERVE = `
  console.log('serving', process.env.ROLE ?? 'api', process.pid);
  const server = require('http').createServer((_, response) => response.end('{}'));
  server.listen(Number(process.env.PORT_OF_MINE), () => process.send({ type: 'ready', port: server.address().port }));
  for (const event of ['SIGTERM', 'disconnect'])
    process.on(event, () => { console.log('drained', process.pid); process.exit(0); });`;
const API = `process.env.PORT_OF_MINE = process.env.PORT; ${SERVE}`;
const WORKER = `process.env.ROLE = 'worker'; process.env.PORT_OF_MINE = process.env.WORKER_PORT; ${SERVE}`;
const CLI = `console.log(JSON.stringify({ partnerId: 'p', liveApiKey: 'live-key', testApiKey: 'test-key' }));`;

/** The product's own programs, as `npm start` runs them. */
const REAL = Object.fromEntries(
  Object.entries({ api: 'api/main.js', worker: 'workers/main.js', cli: 'deploy/cli/main.js' }).map(([name, file]) => [
    name,
    join(projectRoot(), 'dist', file),
  ]),
);
/** Reserved for documentation (RFC 5737), so no machine has it. */
const FOREIGN_ADDRESS = '198.51.100.7';

interface Started {
  process: ChildProcess;
  output: () => string;
  /** Resolves with the match when the output has it. */
  says: (pattern: RegExp) => Promise<RegExpExecArray>;
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
    const options = { env: process.env, colour: false, signals: listenForStop(), print: console.log };
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
  const says = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(output);
        if (match !== null) resolve(match);
      };
      child.stdout.on('data', look);
      child.stdout.once('end', () => reject(new Error(`ended without ${String(pattern)}:\n${output}`)));
      look();
    });
  return { process: child, output: () => output, says, exitCode };
}

function runningProcess(pid: string | undefined): ProcessIdentity {
  const identity = identify(Number(pid));
  if (identity === null) throw new Error(`process ${pid} does not run`);
  return identity;
}

describe('npm start', () => {
  it('serves on free ports, tells where, keeps its secrets private, and cleans up on Ctrl-C', async () => {
    const dataDir = tempDir();
    const first = start(dataDir, {}, { WORKERS: '2', KEYSPACE: 'elsewhere' });
    await first.says(/Ctrl-C stops it/);
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
    await second.says(/Ctrl-C stops it/);
    expect(readFileSync(join(dataDir, 'secrets.json'), 'utf8')).toBe(secrets);
  });

  it('refuses a second start on the same data in one line that names pid, URL and data', async () => {
    const dataDir = tempDir();
    const first = start(dataDir);
    await first.says(/Ctrl-C stops it/);
    const second = start(dataDir);
    expect(await second.exitCode).toBe(1);
    const url = readStackFile(dataDir)?.url;
    expect(second.output()).toBe(
      `MIR already runs on this data: pid ${first.process.pid}, ${url}, data ${dataDir}. For a second one set DATA_DIR.\n`,
    );
  });

  it('leaves nothing running when it is killed with -9, and starts again on the same data at once', async () => {
    const dataDir = tempDir();
    const first = start(dataDir);
    await first.says(/Ctrl-C stops it/);
    const record = (store: string): string =>
      String(Pid.parse(JSON.parse(readFileSync(join(dataDir, `${store}.process.json`), 'utf8'))).pid);
    const children = [...first.output().matchAll(/serving \w+ (\d+)/g)].map((match) => match[1]);
    const running = [...children, record('mongo'), record('redis')].map(runningProcess);
    expect(running).toHaveLength(4);

    first.process.kill('SIGKILL');
    const second = start(dataDir);
    await second.says(/Ctrl-C stops it/);
    const gone = await Promise.all(running.map((identity) => awaitExit(identity, EXIT_TIMEOUT_MS)));
    expect(gone).toEqual([true, true, true, true]);
  });

  it('starts a worker again that was killed', async () => {
    const started = start(tempDir());
    const [, pid] = await started.says(/serving worker (\d+)/);
    await started.says(/Ctrl-C stops it/);
    process.kill(Number(pid), 'SIGKILL');
    const [, next] = await started.says(/worker 1 ended \(SIGKILL\)[^]*serving worker (\d+)/);
    expect(next).not.toBe(pid);
  });

  it('stops everything with exit code 1 when a program ends 5 times before it is ready', async () => {
    const started = start(tempDir(), { worker: `process.exit(2)` });
    expect(await started.exitCode).toBe(1);
    expect(started.output()).toContain('worker 1 ended 5 times before it was ready (last: exit code 2)');
    expect(started.output()).toContain('drained');
  });

  it('goes to another port when somebody takes the chosen one before the API listens on it', async () => {
    const dataDir = tempDir();
    const pidFile = join(dataDir, 'thief.pid');
    // Somebody else's program, which is quicker once.
    const robbed = `
      const { existsSync, writeFileSync } = require('fs');
      const pidFile = ${JSON.stringify(pidFile)};
      if (existsSync(pidFile)) { ${API} } else {
        const listen = 'require("http").createServer().listen(' + process.env.PORT + ', () => console.log("up"))';
        const stdio = ['ignore', 'pipe', 'ignore'];
        const thief = require('child_process').spawn(process.execPath, ['-e', listen], { detached: true, stdio });
        thief.stdout.once('data', () => {
          writeFileSync(pidFile, thief.pid + ' ' + process.env.PORT);
          process.exit(1);
        });
      }`;
    afterTest(() => process.kill(Number(readFileSync(pidFile, 'utf8').split(' ')[0]), 'SIGKILL'));
    const started = start(dataDir, { api: robbed });
    await started.says(/Ctrl-C stops it/);
    const [, stolen] = readFileSync(pidFile, 'utf8').split(' ');
    const stack = readStackFile(dataDir)!;
    expect(new URL(stack.url).port).not.toBe(stolen);
    expect((await fetch(stack.url)).status).toBe(200);
    expect(started.output()).toContain(`curl -s ${stack.url}/v1/events`);
  });

  it('refuses a given port that is taken, and wrong settings, before it starts anything', async () => {
    const port = String(await freePort());
    const first = start(tempDir(), {}, { PORT: port });
    await first.says(/Ctrl-C stops it/);
    const taken = start(tempDir(), {}, { PORT: port });
    const wrong = start(tempDir(), {}, { WORKERS: '99' });
    expect([await taken.exitCode, await wrong.exitCode]).toEqual([1, 1]);
    expect(taken.output()).toContain(`PORT=${port} is taken`);
    expect(wrong.output()).toContain('WORKERS');
    expect(taken.output() + wrong.output()).not.toContain('serving');
  });
});

/** The port of every URL that the stack names. */
function portsOf(dataDir: string): number[] {
  const { url, metricsUrl, workerUrls, mongoUrl, redisUrl } = readStackFile(dataDir)!;
  return [url, metricsUrl, ...workerUrls, mongoUrl, redisUrl].map((one) => Number(new URL(one).port));
}

describe('npm start on a network', () => {
  it('is reached from its own machine only, and the URL and curl that it prints work', async () => {
    const dataDir = tempDir();
    const started = start(dataDir, {}, {}, true);
    await started.says(/Ctrl-C stops it/);
    const [api = 0, metrics = 0, worker = 0, ...stores] = portsOf(dataDir);
    for (const port of [api, metrics, worker, ...stores]) {
      expect([port, await reachedOf(otherAddresses(), port)]).toEqual([port, []]);
    }
    for (const port of [api, metrics, worker]) {
      expect([port, await reachedOf(loopbackAddresses(), port)]).toEqual([port, loopbackAddresses()]);
    }
    expect((await fetch(`${readStackFile(dataDir)?.url}/readyz`)).status).toBe(200);
    const curl = /^curl -s .*\/v1\/events .*$/m.exec(started.output())?.[0] ?? '';
    const { stdout } = await promisify(execFile)('sh', ['-c', curl]);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'ACCEPTED' });
  });

  it.each(loopbackAddresses())('prints a URL that works when BIND_ADDRESS is %s alone', async (address) => {
    const dataDir = tempDir();
    const started = start(dataDir, {}, { BIND_ADDRESS: address }, true);
    await started.says(/Ctrl-C stops it/);
    const { url } = readStackFile(dataDir)!;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(started.output()).toContain(`curl -s ${url}/v1/events`);
    expect(await reachedOf(loopbackAddresses(), Number(new URL(url).port))).toEqual([address]);
  });

  it('opens API, metrics and workers, but not its stores, to the network when BIND_ADDRESS is ::', async () => {
    const dataDir = tempDir();
    const started = start(dataDir, {}, { BIND_ADDRESS: loopbackAddresses().includes('::1') ? '::' : '0.0.0.0' }, true);
    await started.says(/Ctrl-C stops it/);
    const [api = 0, metrics = 0, worker = 0, ...stores] = portsOf(dataDir);
    for (const port of [api, metrics, worker]) {
      expect([port, await reachedOf(otherAddresses(), port)]).toEqual([port, otherAddresses()]);
    }
    for (const port of stores) expect([port, await reachedOf(otherAddresses(), port)]).toEqual([port, []]);
  });

  it('stops with one message, before it starts anything, on an address that it cannot listen on', async () => {
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

describe('the lock of a data folder', () => {
  it('is free again when it is released', () => {
    const file = join(tempDir(), 'lock');
    const first = tryLock(file);
    expect(tryLock(file)).toEqual({ outcome: 'busy', pid: process.pid });
    if (first.outcome === 'held') first.release();
    expect(tryLock(file).outcome).toBe('held');
  });

  it('is taken over from a dead process, and from one that had the pid of a living one', async () => {
    const file = join(tempDir(), 'lock');
    const dead = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
    const identity = dead.pid === undefined ? null : identify(dead.pid);
    await once(dead, 'exit');
    for (const holder of [identity, { pid: process.pid, born: 'earlier' }]) {
      writeFileSync(file, JSON.stringify(holder));
      const lock = tryLock(file);
      expect(lock.outcome).toBe('held');
      if (lock.outcome === 'held') lock.release();
    }
  });
});
