import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { firstThatWorks, LAPTOP_ONLY, type Need, type Way } from './attempts';
import type { FindOptions } from './find-redis';
import { downloadedMongod, downloadMongod } from './mongod-download';
import { findOnPath } from './paths';
import { installedPypiStore, installPypiStore, SECANTUSDB, type PypiProgram } from './pypi-stores';

const VERSION_TIMEOUT_MS = 10_000;

/**
 * Different kinds of server cannot read each other's data files, so a data folder always uses the kind of server that
 * created it.
 */
export type MongoKind = 'mongod' | 'secantusd-rs' | 'secantusd-py';

export interface MongoProgram {
  kind: MongoKind;
  /** The program and its first arguments. */
  command: readonly string[];
  version: string;
  description: string;
}

/** Looks for a MongoDB server on PATH, then among earlier downloads, then on the network. */
export function findMongo(options: FindOptions & { kind: MongoKind | null }): Promise<MongoProgram> {
  const { env, cacheDir, onProgress, kind } = options;
  const ways: (Way<MongoProgram> & { kind: MongoKind })[] = [
    { kind: 'mongod', name: 'mongod on PATH', find: async () => mongod(onPath('mongod', env), 'on PATH') },
    { kind: 'secantusd-rs', name: 'secantusd-rs on PATH', find: () => secantusRs(env) },
    {
      kind: 'mongod',
      name: 'existing mongodb-memory-server download',
      find: async () => mongod(await downloadedMongod(env), 'from mongodb-memory-server'),
    },
    {
      kind: 'secantusd-py',
      name: 'existing PyPI installation',
      find: async () => secantusPy(installedPypiStore(SECANTUSDB, cacheDir)),
    },
    {
      kind: 'mongod',
      name: 'new mongodb-memory-server download',
      find: async () => mongod(await downloadMongod(env, onProgress), 'from mongodb-memory-server'),
    },
    {
      kind: 'secantusd-py',
      name: 'new PyPI installation',
      find: async () => secantusPy(await installPypiStore(SECANTUSDB, options)),
    },
  ];
  return firstThatWorks(
    ways.filter((way) => kind === null || way.kind === kind),
    kind === null ? ANY_MONGO : sameMongo(kind),
  );
}

const ANY_MONGO: Need = {
  store: 'a MongoDB server',
  remedies: [
    'Set MONGO_URL to a running server.',
    'Install mongod 7 or later on PATH (or secantusd-rs, for development only).',
    'Allow network access to let mongodb-memory-server download mongod, ' +
      `or install python3 to let MIR install ${SECANTUSDB.requirement} from PyPI into .cache/.`,
  ],
};

function sameMongo(kind: MongoKind): Need {
  return {
    store: `${kind}, which created this data folder`,
    remedies: [
      kind === 'secantusd-py' ? 'Allow access to PyPI and install python3 on PATH.' : `Put ${kind} back on PATH.`,
      'Set DATA_DIR to another data folder.',
      'Set MONGO_URL to a running server.',
    ],
  };
}

function onPath(name: string, env: NodeJS.ProcessEnv): string {
  const program = findOnPath(name, env);
  if (program === null) throw new Error('not found');
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
    // Runs the program through Python, because its shebang line points to the folder where the venv was built.
    command: [python, program],
    version,
    description: `secantusd-py ${version} (from PyPI)${LAPTOP_ONLY}`,
  };
}

async function versionOf(program: string, pattern: RegExp): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: VERSION_TIMEOUT_MS });
  const version = pattern.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`cannot parse the output of ${program} --version`);
  return version;
}
