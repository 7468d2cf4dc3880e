import { waitUntil } from '../../support/wait-until';
import { startWebhookReceiver } from '../../support/webhook-receiver';
import { httpClient } from '../http';
import { type BenchProcess, startProgram } from '../processes';
import type { Reporter } from '../report';
import { atMost, quantile } from '../result';
import type { BenchEnvironment } from '../environment';
import { clearAgents, grow, kill, refillControlBudget } from './scenarios';
import { options } from './options';

const TREE = 10;
const RECEIVERS = 10;
/** Kills that are not measured, in which the processes compile code and open connections. */
const WARM_UP_KILLS = 5;

/** Measures when the signed pushes of a kill arrive at its receivers, and when all of them have acknowledged it. */
export async function pushes(environment: BenchEnvironment, apis: BenchProcess[], reporter: Reporter): Promise<void> {
  const { partner, env } = environment;
  const server = await startWebhookReceiver();
  server.respond = () => 202;
  const worker = await startProgram('workers/main.js', env);
  const client = httpClient(apis[0]!.port, 2);
  for (let n = 0; n < RECEIVERS; n += 1) {
    const body = JSON.stringify({ url: server.urlOf(`/${n}`), format: 'SET' });
    const { status } = await client.post('/v1/receivers', partner.liveKey, body);
    if (status !== 201) throw new Error(`POST /v1/receivers returned ${status}`);
  }
  const arrivalMs: number[] = [];
  const containedMs: number[] = [];
  for (let n = 0; n < options.pushKills + WARM_UP_KILLS; n += 1) {
    const [root] = await grow(environment, TREE);
    server.received.length = 0;
    const { cascadeId } = await kill(apis[n % apis.length]!, environment, root!);
    const acceptedAtMs = Date.now();
    await waitUntil('all pushes arrive', () => Promise.resolve(server.received.length >= RECEIVERS));
    let report: Record<string, unknown> = {};
    await waitUntil('all receivers have acknowledged the kill', async () => {
      report = (await client.get(`/v1/agents/cascades/${cascadeId}`, partner.liveKey)).body;
      return typeof report['containedAt'] === 'string';
    });
    if (n < WARM_UP_KILLS) continue;
    arrivalMs.push(...server.received.map(({ atMs }) => Math.max(0, atMs - acceptedAtMs)));
    containedMs.push(Date.parse(String(report['containedAt'])) - Date.parse(String(report['effectiveAt'])));
    await refillControlBudget(environment);
  }
  client.close();
  await worker.stop();
  await server.close();
  const after = `p99 of ${options.pushKills} kills with ${RECEIVERS} receivers`;
  const common = { unit: 'ms', sides: [] };
  const pushP99 = [quantile(arrivalMs, 0.99)];
  reporter.add({
    ...common,
    id: 'push',
    name: `signed push after the 202, ${after}`,
    values: pushP99,
    limit: atMost(300, 150),
  });
  const containedP99 = [quantile(containedMs, 0.99)];
  reporter.add({
    ...common,
    id: 'push-contained',
    name: `\`containedAt\` after \`effectiveAt\`, ${after}`,
    values: containedP99,
    limit: atMost(2_000, 1_000),
  });
  for (const { model } of [environment.ctx.store.webhooks, environment.ctx.store.deliveries]) {
    await model.collection.deleteMany({});
  }
  await clearAgents(environment);
}
