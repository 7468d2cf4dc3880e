import { startProgram } from '../processes';
import { inEnvironment } from '../environment';
import { crash } from './crash';
import { latency } from './latency';
import { options } from './options';
import { rate } from './rate';

/**
 * Benchmarks the kill switch on a large tree: its latency relative to a small tree, the number of calls that succeed
 * after the 202 (must be 0), its correctness when the worker is killed, and its rate relative to a driver-only loop.
 */
inEnvironment(async (environment) => {
  console.log(`stores: ${environment.stores.mongo}; ${environment.stores.redis}; ${options.agents} agents`);
  const apis = await Promise.all(
    Array.from({ length: options.apis }, () => startProgram('api/main.js', environment.env)),
  );
  if (options.selected.has('latency')) await latency(environment, apis);
  if (options.selected.has('crash')) await crash(environment, apis);
  if (options.selected.has('rate')) await rate(environment, apis);
  await Promise.all(apis.map((api) => api.stop()));
});
