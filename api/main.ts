import { setTimeout as delay } from 'node:timers/promises';
import { openRuntime } from '../shared/runtime';
import { readConfig, type Config } from '../shared/config/config';
import { messageOf } from '../shared/errors';
import { VERSION } from '../shared/project';
import { addressesOf, listenOnEach, metricsListener } from '../shared/process/listen';
import { runProcess, type Running } from '../shared/process/lifecycle';
import { createApp } from './app';
import { type ApiContext, createApiContext } from './context';
import { guideOf } from './web/guide/guide-page';
import { runbook } from './web/runbook/runbook-page';
import { closeServer, disableKeepAliveWhileDraining } from './http/drain';

/** Longer than the usual idle timeout of load balancers (60 s), so that they close idle connections first. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/** Metrics are served until the drain ends. A scrape in progress at that point has this long to finish. */
const METRICS_CLOSE_MS = 1_000;
const DEFAULT_DRAIN_TIMEOUT_MS = 20_000;

/**
 * Loads the account library, which blocks the process for about half a second, before the first request arrives. Only
 * logs a failure, because any error recurs when the library is used.
 */
async function preparePagesForPeople({ auth, config, log }: ApiContext): Promise<void> {
  if (config.mail.kind === 'off') {
    log.warn('pages for people are off; set SMTP_URL and MAIL_FROM to enable them');
    return;
  }
  await auth.preload().catch((error: unknown) => log.warn({ err: messageOf(error) }, 'account library not loaded'));
}

/** Renders the guide and the runbook, which blocks the process for up to a quarter of a second, before the first request. */
function prepareDocuments(ctx: ApiContext): void {
  guideOf(ctx);
  runbook();
}

async function startApi(config: Config): Promise<Running> {
  const runtime = await openRuntime(config, 'api');
  try {
    const ctx = await createApiContext(runtime);
    await preparePagesForPeople(ctx);
    prepareDocuments(ctx);
    const addresses = addressesOf(config.bindAddress);
    const { servers, port } = await listenOnEach(addresses, createApp(ctx), config.port, 'PORT');
    const metricsPage = metricsListener(ctx.metrics.registry, ctx.log);
    const metrics = await listenOnEach(addresses, metricsPage, config.metricsPort, 'METRICS_PORT');
    for (const server of [...servers, ...metrics.servers]) disableKeepAliveWhileDraining(server, ctx.draining);
    for (const server of servers) server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
    const { bindAddress } = config;
    ctx.log.info({ version: VERSION, port, metricsPort: metrics.port, bindAddress }, 'api started');
    return {
      port,
      stop: async () => {
        ctx.draining.now = true;
        ctx.log.info('api draining');
        await delay(config.shutdownDelayMs);
        // Ends long polls. Their clients connect to another process.
        ctx.headWatcher.stop();
        await Promise.all(servers.map((server) => closeServer(server, config.drainTimeoutMs)));
        await Promise.all(metrics.servers.map((server) => closeServer(server, METRICS_CLOSE_MS)));
        await ctx.close();
      },
    };
  } catch (error) {
    await runtime.close();
    throw error;
  }
}

let config: Config | undefined;
runProcess(
  'MIR api',
  () => (config ? config.shutdownDelayMs + config.drainTimeoutMs : DEFAULT_DRAIN_TIMEOUT_MS),
  async () => startApi((config = readConfig())),
);
