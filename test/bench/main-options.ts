import { readOptions } from './options';

/** The command-line options of `npm run bench`. */
export const options = readOptions(
  {
    name: 'bench',
    summary: 'Measures throughput relative to baselines measured in the same run.',
    figures: ['single', 'batch', 'resolve', 'introspect', 'redis-bytes', 'drain', 'usual', 'workers4'],
  },
  {
    rounds: { default: 5, meaning: 'rounds per figure' },
    seconds: { default: 4, meaning: 'seconds of load per round' },
    events: { default: 50_000, meaning: 'events per drain' },
    users: { default: 20_000, meaning: 'users of the events' },
    hotUsers: { default: 100, meaning: 'users who have half of the events in workers4' },
  },
);
export type MainOptions = typeof options;
