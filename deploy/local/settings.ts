import { resolve, join } from 'node:path';
import { readConfig } from '../../shared/platform/config';
import { SETTINGS } from '../../shared/platform/settings';
import { projectRoot } from './paths';
import { freePort, isPortFree, nextFreePort } from './ports';
import { loadSecrets } from './secrets';

/** Below the time after which a draining process is killed. */
const DRAIN_TIMEOUT_MS = '12000';

export interface LocalSettings {
  /** The environment of every process; a worker gets its own WORKER_PORT. */
  env: NodeJS.ProcessEnv & Record<'PORT' | 'METRICS_PORT' | 'PUBLIC_URL' | 'DATA_DIR', string>;
  url: string;
  metricsUrl: string;
  workerPorts: number[];
  drainTimeoutMs: number;
}

/** The data folder of this environment. */
export function dataDirOf(env: NodeJS.ProcessEnv): string {
  return resolve(env['DATA_DIR'] || join(projectRoot(), '.data'));
}

/** Checks the environment, fills in what a laptop need not say, and finds the ports. Throws one readable message. */
export async function localSettings(given: NodeJS.ProcessEnv, dataDir: string): Promise<LocalSettings> {
  const defaults = { LOG_LEVEL: 'warn', DRAIN_TIMEOUT_MS, WEBHOOKS_TO_PRIVATE_ADDRESSES: 'true' };
  const base: Record<string, string> & { DATA_DIR: string } = {
    ...defaults,
    ...withoutEmpty(given),
    ...loadSecrets(dataDir, given),
    DATA_DIR: dataDir,
  };
  // The stores' URLs are known only once they run; all else is checked before anything is started.
  const config = readConfig({ MONGO_URL: 'mongodb://to.come/mir', REDIS_URL: 'redis://to.come', ...base });
  const workers = SETTINGS.WORKERS.schema.parse(base['WORKERS']);
  const taken: number[] = [];
  const choose = async (name: 'PORT' | 'METRICS_PORT' | 'WORKER_PORT', wanted: number): Promise<number> => {
    const port = await choosePort(name, wanted, base[name] !== undefined, taken);
    taken.push(port);
    return port;
  };
  const port = await choose('PORT', config.port);
  const metricsPort = await choose('METRICS_PORT', config.metricsPort);
  const workerPorts: number[] = [];
  for (let index = 0; index < workers; index += 1) {
    workerPorts.push(await choose('WORKER_PORT', config.workerPort === 0 ? 0 : config.workerPort + index));
  }
  const url = `http://localhost:${port}`;
  const ports = { PORT: String(port), METRICS_PORT: String(metricsPort), PUBLIC_URL: base['PUBLIC_URL'] ?? url };
  return {
    env: { ...base, ...ports },
    url,
    metricsUrl: `http://localhost:${metricsPort}/metrics`,
    workerPorts,
    drainTimeoutMs: config.drainTimeoutMs,
  };
}

async function choosePort(name: string, wanted: number, isGiven: boolean, taken: readonly number[]): Promise<number> {
  if (wanted === 0) return freePort();
  if (!isGiven) return nextFreePort(wanted, taken);
  if (taken.includes(wanted) || !(await isPortFree(wanted))) {
    throw new Error(`MIR cannot start: ${name}=${wanted} is taken. Give another one, or none to get a free one.`);
  }
  return wanted;
}

function withoutEmpty(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}
