import { setTimeout as delay } from 'node:timers/promises';
import { insertPartner } from '../../support/harness';
import { runBench, UNLIMITED } from '../environment';
import { httpClient } from '../http';
import { startProgram } from '../processes';
import { attacksFigures } from './attacks-figures';
import { clearEvents, dump, during, type FairBench } from './bench';
import { createSampler, sampleFreshness } from './freshness';
import { freshnessFigures } from './freshness-figures';
import { options } from './options';
import { partnersFigures } from './partners-figures';
import { resolveFigures } from './resolve-figures';

const WARM_UP_EVENTS = 20_000;
const WARM_UP_MS = 2_000;

/** Measures how long a partner waits: alone, beside other partners' bulk traffic, and during attacks. */
runBench({ name: 'bench:fair', options }, async (environment, reporter) => {
  const { env, ctx } = environment;
  const { selected } = options;
  const api = await startProgram('api/main.js', env);
  const workers = await Promise.all(
    Array.from({ length: options.workers }, () => startProgram('workers/main.js', env)),
  );
  const sender = await startProgram('test/bench/servers/batch-sender.js', env);
  const late = await startProgram('test/bench/servers/batch-sender.js', env);
  const [a, b] = await Promise.all([insertPartner(ctx.store, UNLIMITED), insertPartner(ctx.store, UNLIMITED)]);
  const client = httpClient(api.port, 2);
  const sampler = createSampler(client, b.liveKey);
  const bench: FairBench = { environment, reporter, api, workers, sender, late, a, b: sampler };
  const warmUp = (isDone: () => boolean): Promise<number[]> => sampleFreshness(sampler, isDone);
  await during(dump(bench, WARM_UP_EVENTS), warmUp);
  await during(delay(WARM_UP_MS), warmUp);
  await clearEvents(environment);

  const isFreshness = ['idle', 'load', 'dump'].some((name) => selected.has(name));
  const dumpRates = isFreshness ? await freshnessFigures(bench) : [];
  if (selected.has('resolve')) await resolveFigures(bench, dumpRates);
  if (selected.has('ten')) await partnersFigures(bench);
  if (selected.has('attacks')) await attacksFigures(bench);
  client.close();
  await Promise.all([...workers, api, sender, late].map((one) => one.stop()));
});
