import type { RequestListener } from 'node:http';
import { type Runtime, openRuntime } from '../shared/runtime';
import { type Config, readConfig } from '../shared/config/config';
import { VERSION } from '../shared/project';
import { addressesOf, listenOnEach, metricsListener } from '../shared/process/listen';
import { runProcess, type Running } from '../shared/process/lifecycle';
import { startWorkers } from './start-workers';

const DEFAULT_DRAIN_TIMEOUT_MS = 20_000;
const CHECK_TIMEOUT_MS = 1_500;

/** Serves `/healthz`, `/readyz` and `/metrics` for a worker process. */
function opsListener({ queueLink, store, metrics, log }: Runtime, isDraining: () => boolean): RequestListener {
  const metricsPage = metricsListener(metrics.registry, log);
  const respond = (res: Parameters<RequestListener>[1], status: number, body: unknown): void => {
    res.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(`${JSON.stringify(body)}\n`);
  };
  const up = (check: Promise<unknown>): Promise<'up' | 'down'> =>
    check.then(
      () => 'up' as const,
      () => 'down' as const,
    );
  return (req, res) => {
    if (req.url === '/healthz') return respond(res, 200, { status: 'ok' });
    if (req.url !== '/readyz') return metricsPage(req, res);
    return void Promise.all([up(queueLink.client.ping()), up(store.ping(CHECK_TIMEOUT_MS))]).then(
      ([queue, documents]) => {
        const ready = !isDraining() && queue === 'up' && documents === 'up';
        const status = isDraining() ? 'draining' : ready ? 'ready' : 'not ready';
        respond(res, ready ? 200 : 503, { status, checks: { queue, store: documents } });
      },
    );
  };
}

/** Starts one worker process with its stores, queue workers and operations port. */
async function startWorker(config: Config): Promise<Running> {
  const runtime = await openRuntime(config, 'worker');
  try {
    let draining = false;
    const workers = await startWorkers(runtime);
    const { servers, port } = await listenOnEach(
      addressesOf(config.bindAddress),
      opsListener(runtime, () => draining),
      config.workerPort,
      'WORKER_PORT',
    );
    runtime.log.info({ version: VERSION, port, bindAddress: config.bindAddress }, 'worker started');
    return {
      port,
      stop: async () => {
        draining = true;
        runtime.log.info('worker draining');
        await workers.stop();
        for (const server of servers) {
          server.close();
          server.closeAllConnections();
        }
        await runtime.close();
      },
    };
  } catch (error) {
    await runtime.close();
    throw error;
  }
}

let config: Config | undefined;
runProcess(
  'MIR worker',
  () => config?.drainTimeoutMs ?? DEFAULT_DRAIN_TIMEOUT_MS,
  async () => startWorker((config = readConfig())),
);
