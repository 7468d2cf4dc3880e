import { startProgram } from '../processes';
import { onStage } from '../environment';
import { crash } from './crash';
import { latency } from './latency';
import { options } from './options';
import { rate } from './rate';

/**
 * The kill switch on a big tree: latency against a small one, keys that pass after the 202 (none may), exactness under
 * kill -9 of the worker, and the rate of the cascade against a loop over the driver alone.
 */
onStage(async (stage) => {
  console.log(`stores: ${stage.stores.mongo}; ${stage.stores.redis}; ${options.agents} agents`);
  const apis = await Promise.all(Array.from({ length: options.apis }, () => startProgram('api/main.js', stage.env)));
  if (options.chosen.has('latency')) await latency(stage, apis);
  if (options.chosen.has('crash')) await crash(stage, apis);
  if (options.chosen.has('rate')) await rate(stage, apis);
  await Promise.all(apis.map((api) => api.stop()));
});
