import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type Config, readConfig } from '../../shared/config/config';
import { projectRoot } from '../../shared/project';

type Environment = Record<string, string | undefined>;

const stackSchema = z.object({
  url: z.string().optional(),
  mongoUrl: z.string(),
  redisUrl: z.string(),
  keyspace: z.string().optional(),
});
const secretsSchema = z.object({ ADMIN_TOKEN: z.string(), SUBJECT_PEPPER: z.string() });

class NoStoresError extends Error {
  constructor(dataDir: string, problem: string) {
    super(
      `Cannot find MIR's stores: ${problem}.\n` +
        `Start MIR with \`npm start\`, which writes ${join(dataDir, 'stack.json')} (set DATA_DIR if its data is elsewhere), ` +
        "or set MONGO_URL, REDIS_URL and SUBJECT_PEPPER to the API's values.",
    );
    this.name = 'NoStoresError';
  }
}

function readFacts<T extends z.ZodType>(dataDir: string, name: string, schema: T): z.output<T> {
  const file = join(dataDir, name);
  if (!existsSync(file))
    throw new NoStoresError(dataDir, `MONGO_URL and REDIS_URL are not set, and ${file} does not exist`);
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    throw new NoStoresError(dataDir, `${file} is not readable`);
  }
}

/** Returns the data folder that `npm start` uses in this environment. */
export function cliDataDir(env: Environment): string {
  return resolve(env['DATA_DIR'] || join(projectRoot(), '.data'));
}

/** Returns whether the pepper was set by the operator or `npm start` rather than left at its default. */
export function isPepperGiven(env: Environment): boolean {
  return Boolean(env['SUBJECT_PEPPER']) || !(env['MONGO_URL'] || env['REDIS_URL']);
}

/**
 * Reads the settings from the environment if MONGO_URL or REDIS_URL is set. Otherwise, reads them from the files that a
 * running `npm start` wrote to DATA_DIR. Turns logging off regardless of LOG_LEVEL, because the command prints its
 * output to stdout.
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
    PUBLIC_URL: env['PUBLIC_URL'] || stack.url,
    // With a different keyspace, the running API would not see a suspension or a kill.
    KEYSPACE: env['KEYSPACE'] || stack.keyspace,
    SUBJECT_PEPPER: env['SUBJECT_PEPPER'] || secrets.SUBJECT_PEPPER,
    ADMIN_TOKEN: env['ADMIN_TOKEN'] || secrets.ADMIN_TOKEN,
  });
}
