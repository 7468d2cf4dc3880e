import { freePort } from '../../../deploy/local/ports';
import { startHaproxy } from '../../support/haproxy';
import { cpuMs } from '../metrics';
import { type BenchProcess, startApi, startProgram } from '../processes';

/** More than HAProxy needs to notice that a process drains. */
const SHUTDOWN_DELAY_MS = 3_000;

interface Role {
  name: 'api' | 'worker';
  process: BenchProcess;
  metricsPort: number;
  start(): Promise<void>;
}

/** API processes behind HAProxy, and workers. */
export interface Layout {
  /** The port of the proxy. */
  port: number;
  /** Replaces each process in turn, as a rolling update does. */
  restartEach(): Promise<void>;
  /** The CPU time in ms that all processes of a role have used so far. */
  cpuMs(name: Role['name']): Promise<number>;
  stop(): Promise<void>;
}

async function startRole(name: Role['name'], env: Record<string, string>): Promise<Role> {
  const launch = async (): Promise<{ process: BenchProcess; metricsPort: number }> => {
    if (name === 'api') {
      const api = await startApi(env);
      return { process: api, metricsPort: api.metricsPort };
    }
    const worker = await startProgram('workers/main.js', env);
    return { process: worker, metricsPort: worker.port };
  };
  const role: Role = {
    name,
    ...(await launch()),
    start: async () => {
      Object.assign(role, await launch());
    },
  };
  return role;
}

export async function startLayout(
  env: Record<string, string>,
  { apis, workers }: { apis: number; workers: number },
): Promise<Layout> {
  const own = { ...env, TRUST_PROXY_HOPS: '1', SHUTDOWN_DELAY_MS: String(SHUTDOWN_DELAY_MS) };
  const ports = await Promise.all(Array.from({ length: apis }, freePort));
  const roles = await Promise.all([
    ...ports.map((port) => startRole('api', { ...own, PORT: String(port) })),
    ...Array.from({ length: workers }, () => startRole('worker', own)),
  ]);
  const proxy = await startHaproxy(ports);
  return {
    port: proxy.port,
    restartEach: async () => {
      for (const role of roles) {
        await role.process.stop();
        await role.start();
      }
    },
    cpuMs: async (name) => {
      const used = await Promise.all(
        roles.filter((role) => role.name === name).map(({ metricsPort }) => cpuMs(metricsPort)),
      );
      return used.reduce((sum, ms) => sum + ms, 0);
    },
    stop: async () => {
      await proxy.stop();
      await Promise.all(roles.map((role) => role.process.stop()));
    },
  };
}
