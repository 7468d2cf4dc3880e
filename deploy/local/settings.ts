import { isIPv6 } from 'node:net';
import { resolve, join } from 'node:path';
import { isLocalUrl, readConfig } from '../../shared/config/config';
import { isLoopback } from '../../shared/config/loopback';
import { messageOf } from '../../shared/errors';
import { type QueueDurability, SETTINGS } from '../../shared/config/settings';
import { projectRoot } from '../../shared/project';
import { freePort, isPortFree, nextFreePort, tryToListen } from './ports';
import { loadSecrets } from './secrets';

const DRAIN_TIMEOUT_MS = '12000';
// Offsets from PORT to the default ports of the metrics server and the first worker, for example from 3000 to 3100 and
// 3200.
const METRICS_OFFSET = 100;
const WORKER_OFFSET = 200;
const MAX_PORT = 65_535;
/** Bind addresses that clients can reach as `localhost`, which resolves to 127.0.0.1 and ::1. */
const REACHED_AT_LOCALHOST = new Set(['localhost', '0.0.0.0', '::']);

/** A port for a process. A port that the user did not choose may change until its process is first ready. */
interface LocalPort {
  number: number;
  isGiven: boolean;
}

export interface LocalSettings {
  /** The environment shared by all processes. */
  env: NodeJS.ProcessEnv & { DATA_DIR: string };
  bindAddress: string;
  ports: { api: LocalPort; metrics: LocalPort; workers: LocalPort[] };
  drainTimeoutMs: number;
  keyspace: string;
  queueDurability: QueueDurability;
}

/** Returns the data folder that the environment selects. */
export function dataDirOf(env: NodeJS.ProcessEnv): string {
  return resolve(env['DATA_DIR'] || join(projectRoot(), '.data'));
}

/**
 * Validates the environment, adds development defaults and chooses ports. Throws a readable error if a setting is
 * invalid or MIR cannot listen on a port or address.
 */
export async function localSettings(given: NodeJS.ProcessEnv, dataDir: string): Promise<LocalSettings> {
  const defaults = { LOG_LEVEL: 'warn', DRAIN_TIMEOUT_MS, BIND_ADDRESS: 'localhost' };
  const base: Record<string, string> & { BIND_ADDRESS: string; DATA_DIR: string } = {
    ...defaults,
    ...withoutEmpty(given),
    ...loadSecrets(dataDir, given),
    DATA_DIR: dataDir,
  };
  // Uses placeholders for the stores' URLs, which are not known until the stores have started.
  const config = readConfig({ MONGO_URL: 'mongodb://to.come/mir', REDIS_URL: 'redis://to.come', ...base });
  const bindAddress = base.BIND_ADDRESS;
  await tryToListen(bindAddress).catch((error: unknown) => {
    throw new Error(`MIR cannot start: ${messageOf(error)}`, { cause: error });
  });
  const workers = SETTINGS.WORKERS.schema.parse(base['WORKERS']);
  const taken: number[] = [];
  const choose = async (name: 'PORT' | 'METRICS_PORT' | 'WORKER_PORT', wanted: number): Promise<LocalPort> => {
    const isGiven = base[name] !== undefined && wanted !== 0;
    const number = await choosePort(name, wanted, isGiven, taken);
    taken.push(number);
    return { number, isGiven };
  };
  const api = await choose('PORT', config.port);
  // If PORT is near the top of the port range, picks any free port instead.
  const above = (offset: number): number => (api.number + WORKER_OFFSET + workers > MAX_PORT ? 0 : api.number + offset);
  const metrics = await choose('METRICS_PORT', base['METRICS_PORT'] ? config.metricsPort : above(METRICS_OFFSET));
  const firstWorker = base['WORKER_PORT'] ? config.workerPort : above(WORKER_OFFSET);
  const workerPorts: LocalPort[] = [];
  for (let index = 0; index < workers; index += 1) {
    workerPorts.push(await choose('WORKER_PORT', firstWorker === 0 ? 0 : firstWorker + index));
  }
  const { drainTimeoutMs, keyspace, queueDurability } = config;
  // A wildcard address does not count as local, because other machines can reach it.
  const isLocal =
    (bindAddress === 'localhost' || isLoopback(bindAddress)) &&
    isLocalUrl(base['PUBLIC_URL'] ?? urlOf(bindAddress, api));
  return {
    // Allows webhook receivers on this machine during development. On a public deployment, this would give partners
    // access to the private network.
    env: { WEBHOOKS_TO_PRIVATE_ADDRESSES: String(isLocal && !config.production), ...base },
    bindAddress,
    ports: { api, metrics, workers: workerPorts },
    drainTimeoutMs,
    keyspace,
    queueDurability,
  };
}

async function choosePort(name: string, wanted: number, isGiven: boolean, taken: readonly number[]): Promise<number> {
  if (wanted === 0) return freePort();
  if (!isGiven) return nextFreePort(wanted, taken);
  if (taken.includes(wanted) || !(await isPortFree(wanted))) {
    throw new Error(
      `MIR cannot start: port ${wanted} (${name}) is in use. Choose another port, or unset ${name} to use a free one.`,
    );
  }
  return wanted;
}

/** Replaces ports that another process has taken since they were chosen. */
async function replaceTakenPorts({ ports }: LocalSettings, ours: readonly LocalPort[]): Promise<void> {
  for (const port of ours) {
    if (port.isGiven || (await isPortFree(port.number))) continue;
    const others = [ports.api, ports.metrics, ...ports.workers].map(({ number }) => number);
    port.number = await nextFreePort(port.number, others);
  }
}

function urlOf(bindAddress: string, { number }: LocalPort): string {
  const address = isIPv6(bindAddress) ? `[${bindAddress}]` : bindAddress;
  return `http://${REACHED_AT_LOCALHOST.has(bindAddress) ? 'localhost' : address}:${number}`;
}

/** Returns the URLs of the API, its metrics and the workers. */
export function urlsOf({ bindAddress, ports }: LocalSettings): {
  url: string;
  metricsUrl: string;
  workerUrls: string[];
} {
  return {
    url: urlOf(bindAddress, ports.api),
    metricsUrl: `${urlOf(bindAddress, ports.metrics)}/metrics`,
    workerUrls: ports.workers.map((port) => urlOf(bindAddress, port)),
  };
}

/** Returns the API's own environment variables, after replacing ports that are no longer free. */
export async function apiEnv(settings: LocalSettings): Promise<NodeJS.ProcessEnv> {
  const { api, metrics } = settings.ports;
  await replaceTakenPorts(settings, [api, metrics]);
  return {
    PORT: String(api.number),
    METRICS_PORT: String(metrics.number),
    PUBLIC_URL: settings.env['PUBLIC_URL'] ?? urlsOf(settings).url,
  };
}

/** Returns a worker's own environment variables, after replacing its port if it is no longer free. */
export async function workerEnv(settings: LocalSettings, index: number): Promise<NodeJS.ProcessEnv> {
  const port = settings.ports.workers[index]!;
  await replaceTakenPorts(settings, [port]);
  return {
    WORKER_PORT: String(port.number),
    PUBLIC_URL: settings.env['PUBLIC_URL'] ?? urlsOf(settings).url,
  };
}

function withoutEmpty(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}
