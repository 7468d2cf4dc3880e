import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MongoMemoryReplSet, MongoMemoryServer } from 'mongodb-memory-server';
import { z } from 'zod';
import { messageOf } from '../../shared/errors';
import { findMongo, type MongoProgram } from './find-mongo';
import { STAND_IN_VERSION, writeMongoScript } from './mongo-script';
import { storesCacheDir } from './paths';
import { startOnPort } from './ports';
import { readJson, writePrivateJson } from './private-file';
import { awaitFormerServer, recordServer, type StartOptions, type StoreServer } from './store-server';

const START_TIMEOUT_MS = 60_000;
const LOG_TAIL_LINES = 5;
const DATABASE = 'mir';
const REPLICA_SET = 'mir';

const Home = z.object({ kind: z.enum(['mongod', 'secantusd-rs', 'secantusd-py']), port: z.number() });

interface Launch {
  found: MongoProgram;
  script: string;
  dataDir: string;
  port: number;
}

/** Starts MongoDB, or a stand-in with the same protocol, on loopback with its files in `<dataDir>/mongo`. */
export async function startMongo(options: StartOptions): Promise<StoreServer> {
  const { env = process.env, cacheDir = storesCacheDir(), onProgress = () => {} } = options;
  const dataDir = resolve(options.dataDir);
  mkdirSync(join(dataDir, 'mongo'), { recursive: true });
  const homeFile = join(dataDir, 'mongo.json');
  const home = readJson(homeFile, Home);
  const found = await findMongo({ env, cacheDir, onProgress, kind: home?.kind ?? null });
  const script = writeMongoScript(found, cacheDir);
  await awaitFormerServer(dataDir, 'mongo');
  // A replica set identifies its members by port, so mongod keeps using the port of its first start.
  const port = options.port ?? (found.kind === 'mongod' ? home?.port : undefined);
  return startOnPort(port, async (port) => {
    // Writes the file before starting the server, because an interrupted start may already have initiated the replica
    // set.
    writePrivateJson(homeFile, { kind: found.kind, port });
    return launch({ found, script, dataDir, port });
  }).catch((error: unknown) => {
    if (readdirSync(join(dataDir, 'mongo')).length === 0) rmSync(homeFile, { force: true });
    throw new Error(`${messageOf(error)}\n(MongoDB data: ${join(dataDir, 'mongo')})`, { cause: error });
  });
}

async function launch({ found, script, dataDir, port }: Launch): Promise<StoreServer> {
  const isReal = found.kind === 'mongod';
  const binary = { systemBinary: script, version: isReal ? found.version : STAND_IN_VERSION };
  const instance = {
    port,
    dbPath: join(dataDir, 'mongo'),
    storageEngine: 'wiredTiger' as const,
    launchTimeout: START_TIMEOUT_MS,
  };
  // Detaches the server, so Ctrl-C reaches only the parent, which stops the stores last.
  const spawn = { detached: true };
  const memory = isReal
    ? new MongoMemoryReplSet({ binary, instanceOpts: [instance], replSet: { count: 1, name: REPLICA_SET, spawn } })
    : new MongoMemoryServer({ binary, instance: { ...instance, portGeneration: false }, spawn });
  await memory.start().catch((error: unknown) => {
    throw new Error(`${found.description} did not start: ${messageOf(error)}\n${tail(`${instance.dbPath}.log`)}`);
  });
  const info = memory instanceof MongoMemoryServer ? memory.instanceInfo : memory.servers[0]?.instanceInfo;
  const child = info?.instance.mongodProcess;
  const end = async (): Promise<void> => void (await memory.stop({ doCleanup: false, force: false }));
  if (child?.pid === undefined || info?.port !== port) {
    await end();
    throw new Error(`${found.description} did not start on port ${port}`);
  }
  recordServer(dataDir, 'mongo', child.pid);
  const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  return {
    url: `mongodb://127.0.0.1:${port}/${DATABASE}?directConnection=true`,
    description: found.description,
    port,
    pid: child.pid,
    exited,
    stop: end,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
      await end();
    },
  };
}

function tail(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  } catch {
    return '';
  }
}
