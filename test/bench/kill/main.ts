import { startProgram } from '../processes';
import { inEnvironment } from '../environment';
import { crash } from './crash';
import { latency } from './latency';
import { options } from './options';
import { rate } from './rate';

/**
 * The kill switch on a big tree: latency against a small one, keys that pass after the 202 (none may), exactness under
 * kill -9 of the worker, and the rate of the cascade against a loop over the driver alone.
 */
inEnvironment(async (environment) => {
  console.log(`stores: ${environment.stores.mongo}; ${environment.stores.redis}; ${options.agents} agents`);
  const apis = await Promise.all(
    Array.from({ length: options.apis }, () => startProgram('api/main.js', environment.env)),
  );
  if (options.chosen.has('latency')) await latency(environment, apis);
  if (options.chosen.has('crash')) await crash(environment, apis);
  if (options.chosen.has('rate')) await rate(environment, apis);
  await Promise.all(apis.map((api) => api.stop()));
});
