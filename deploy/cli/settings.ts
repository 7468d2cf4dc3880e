import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type Config, readConfig } from '../../shared/config/config';
import { projectRoot } from '../../shared/project';

type Environment = Record<string, string | undefined>;

const stackSchema = z.object({ mongoUrl: z.string(), redisUrl: z.string(), keyspace: z.string().optional() });
const secretsSchema = z.object({ ADMIN_TOKEN: z.string(), SUBJECT_PEPPER: z.string() });

/** The CLI cannot know where its stores are. */
class NoStoresError extends Error {
  constructor(dataDir: string, problem: string) {
    super(
      `The stores of MIR cannot be found: ${problem}.\n` +
        `Start MIR with \`npm start\` (it writes ${join(dataDir, 'stack.json')}; set DATA_DIR if its data is elsewhere), ` +
        'or set MONGO_URL, REDIS_URL and SUBJECT_PEPPER as the API has them.',
    );
    this.name = 'NoStoresError';
  }
}

function readFacts<T extends z.ZodType>(dataDir: string, name: string, schema: T): z.output<T> {
  const file = join(dataDir, name);
  if (!existsSync(file))
    throw new NoStoresError(dataDir, `neither MONGO_URL and REDIS_URL are set, nor is there ${file}`);
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    throw new NoStoresError(dataDir, `${file} cannot be read`);
  }
}

/** Where `npm start` keeps its data, as this environment says. */
export function cliDataDir(env: Environment): string {
  return resolve(env['DATA_DIR'] || join(projectRoot(), '.data'));
}

/** Whether somebody chose the pepper: the operator, or `npm start` for its own data. */
export function isPepperGiven(env: Environment): boolean {
  return Boolean(env['SUBJECT_PEPPER']) || !(env['MONGO_URL'] || env['REDIS_URL']);
}

/**
 * The settings of the installation: by the environment when it names a store, else those of the `npm start` that runs
 * on DATA_DIR. Nothing is logged, whatever LOG_LEVEL says: stdout belongs to the answer.
 */
export function readCliConfig(env: Environment): Config {
  const silent = { ...env, LOG_LEVEL: 'silent' };
  if (env['MONGO_URL'] || env['REDIS_URL']) return readConfig(silent);
  const dataDir = cliDataDir(env);
  const stack = readFacts(dataDir, 'stack.json', stackSchema);
  const secrets = readFacts(dataDir, 'secrets.json', secretsSchema);
  return readConfig({
    ...silent,
    MONGO_URL: stack.mongoUrl,
    REDIS_URL: stack.redisUrl,
    // In another one a suspension or a kill would be written where the running API does not look.
    KEYSPACE: env['KEYSPACE'] || stack.keyspace,
    SUBJECT_PEPPER: env['SUBJECT_PEPPER'] || secrets.SUBJECT_PEPPER,
    ADMIN_TOKEN: env['ADMIN_TOKEN'] || secrets.ADMIN_TOKEN,
  });
}
