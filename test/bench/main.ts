import { drainFigures, workersFigures } from './drain-figures';
import { runBench } from './environment';
import { httpFigures } from './http-figures';
import { options } from './main-options';
import { redisBytes } from './redis-bytes';

runBench({ name: 'bench', options }, async (environment, reporter) => {
  const { selected } = options;
  if (['single', 'batch', 'resolve', 'introspect'].some((name) => selected.has(name))) {
    await httpFigures(environment, options, reporter);
  }
  if (selected.has('redis-bytes')) await redisBytes(environment, options, reporter);
  if (selected.has('drain') || selected.has('usual')) await drainFigures(environment, options, reporter);
  if (selected.has('workers4')) await workersFigures(environment, options, reporter);
});
