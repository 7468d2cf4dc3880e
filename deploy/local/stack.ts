import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { supervise, type SupervisedChild } from './child';
import { demoPartner, type DemoPartner } from './demo-partner';
import { inviteFirstOperator } from './first-operator';
import { messageOf } from '../../shared/errors';
import { tryLock } from './lock';
import { apiEnv, dataDirOf, localSettings, type LocalSettings, urlsOf, workerEnv } from './settings';
import { readStackFile, removeStackFile, writeStackFile } from './stack-file';
import { startStores, type Stores } from './stores';
import type { StopSignals } from './stop-signals';
import { welcome } from './welcome';

const OWNER_ONLY = 0o700;
const DRAIN_MARGIN_MS = 3_000;

export interface StackOptions {
  env: NodeJS.ProcessEnv;
  /** Paths of the compiled programs. */
  programs: { api: string; worker: string; cli: string };
  signals: StopSignals;
  print: (text: string) => void;
  color: boolean;
}

/**
 * Runs the stores, the API and the workers until a stop signal arrives or one of these components fails permanently.
 * Returns the exit code. Throws a readable error if a component cannot start.
 */
export async function runStack(options: StackOptions): Promise<number> {
  const { env, programs, print } = options;
  const missing = [programs.api, programs.worker].find((program) => !existsSync(program));
  if (missing !== undefined) throw new Error(`${missing} does not exist; run "npm run build" first`);
  const dataDir = dataDirOf(env);
  mkdirSync(dataDir, { recursive: true, mode: OWNER_ONLY });
  const lock = tryLock(join(dataDir, 'lock'));
  if (lock.outcome === 'busy') {
    print(
      `MIR is already running with this data folder: pid ${lock.pid}, ${urlOf(dataDir, lock.pid)}, data ${dataDir}. ` +
        'To run a second instance, set DATA_DIR to another folder.',
    );
    return 1;
  }
  try {
    const settings = await localSettings(env, dataDir);
    // Valkey, the preferred server, provides the other durabilities only with this option.
    const redisArgs = settings.queueDurability === 'everysec' ? [] : ['--appendfsync', 'always'];
    const starting = startStores({ dataDir, env: settings.env, redisArgs, onProgress: print });
    const stores = await Promise.race([starting, options.signals.stop.then(() => null)]);
    // A stop signal interrupted startup. When this process exits, the guards stop the stores.
    if (stores === null) return 0;
    try {
      return await serve(options, settings, stores);
    } finally {
      await stores.stop();
    }
  } finally {
    removeStackFile(dataDir);
    lock.release();
  }
}

async function serve(options: StackOptions, settings: LocalSettings, stores: Stores): Promise<number> {
  const { programs, signals, print } = options;
  const env = { ...settings.env, MONGO_URL: stores.mongoUrl, REDIS_URL: stores.redisUrl };
  const start = (name: string, script: string, own: () => Promise<NodeJS.ProcessEnv>): SupervisedChild =>
    supervise({ name, script, env: async () => ({ ...env, ...(await own()) }), log: print });
  const children = [
    start('API', programs.api, () => apiEnv(settings)),
    ...settings.ports.workers.map((_, index) =>
      start(`worker ${index + 1}`, programs.worker, () => workerEnv(settings, index)),
    ),
  ];
  signals.onHurry(() => {
    for (const child of children) child.kill();
  });
  const stop = signals.stop.then(() => null);
  const end = Promise.race([stop, stores.gaveUp, ...children.map((child) => child.gaveUp)]);
  const allReady = Promise.all(children.map((child) => child.ready)).then(() => 'ready' as const);
  if ((await Promise.race([allReady, end.then(() => 'end' as const)])) === 'ready') {
    await Promise.race([announce(options, settings, stores, env), end]);
  }
  const reason = await end;
  print(reason === null ? '\nStopping ...' : `Stopping: ${reason}`);
  await Promise.all(children.map((child) => child.stop(settings.drainTimeoutMs + DRAIN_MARGIN_MS)));
  return reason === null ? 0 : 1;
}

async function announce(
  { env: given, programs, print, color }: StackOptions,
  settings: LocalSettings,
  stores: Stores,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const { url, metricsUrl, workerUrls } = urlsOf(settings);
  const { DATA_DIR: dataDir } = settings.env;
  writeStackFile(dataDir, {
    pid: process.pid,
    url,
    mongoUrl: stores.mongoUrl,
    redisUrl: stores.redisUrl,
    keyspace: settings.keyspace,
    metricsUrl,
    workerUrls,
    startedAt: new Date().toISOString(),
  });
  const cli = { path: programs.cli, env };
  const warn = (what: string, error: unknown): null => {
    print(`Warning: could not ${what}: ${messageOf(error)}`);
    return null;
  };
  const [partner, isInvited] = await Promise.all([
    demoPartner({ dataDir, url, cli }).catch((error: unknown): DemoPartner | null =>
      warn('create the demo partner', error),
    ),
    // With SMTP, the invitation would leave this machine.
    env['SMTP_URL'] ? false : inviteFirstOperator(cli).catch((error: unknown) => warn('invite an operator', error)),
  ]);
  const { mongo, redis } = stores;
  const adminToken = given['ADMIN_TOKEN']
    ? 'ADMIN_TOKEN from the environment'
    : `ADMIN_TOKEN in ${join(dataDir, 'secrets.json')}`;
  const workers = workerUrls.length;
  const isOperatorInvited = isInvited === true;
  print(welcome({ url, metricsUrl, dataDir, mongo, redis, workers, adminToken, isOperatorInvited, partner, color }));
}

function urlOf(dataDir: string, pid: number): string {
  const stack = readStackFile(dataDir);
  return stack?.pid === pid ? stack.url : 'still starting';
}
