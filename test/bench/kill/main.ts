import { startProgram } from '../processes';
import { runBench } from '../environment';
import { crash } from './crash';
import { latency } from './latency';
import { options } from './options';
import { pushes } from './pushes';
import { races } from './races';
import { rate } from './rate';

/**
 * Benchmarks the kill switch on a large tree: its latency relative to a small tree, the number of calls that succeed
 * after the 202 (must be 0), also while many clients use the keys, the pushes to receivers, its correctness when the worker is killed, and its rate relative to a driver-only loop.
 */
runBench({ name: 'bench:kill', options }, async (environment, reporter) => {
  const apis = await Promise.all(
    Array.from({ length: options.apis }, () => startProgram('api/main.js', environment.env)),
  );
  if (options.selected.has('latency')) await latency(environment, apis, reporter);
  if (options.selected.has('race')) await races(environment, apis, reporter);
  if (options.selected.has('push')) await pushes(environment, apis, reporter);
  if (options.selected.has('crash')) await crash(environment, apis, reporter);
  if (options.selected.has('rate')) await rate(environment, apis, reporter);
  await Promise.all(apis.map((api) => api.stop()));
});
