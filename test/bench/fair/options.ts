import { readOptions } from '../options';

/** The command-line options of `npm run bench:fair`. */
export const options = readOptions(
  {
    name: 'bench:fair',
    summary: 'Measures how long one partner waits while other partners use the system.',
    figures: ['idle', 'load', 'dump', 'resolve', 'ten', 'attacks'],
  },
  {
    rounds: { default: 5, meaning: 'rounds per figure' },
    seconds: { default: 8, meaning: 'seconds of sampling per round' },
    dump: { default: 200_000, meaning: 'events in the dump' },
    each: { default: 30_000, meaning: 'events of each of the ten partners' },
    workers: { default: 1, meaning: 'worker processes' },
    stored: { default: 100_000, meaning: 'stored events that the attacker lists' },
    entries: { default: 20_000, meaning: 'audit entries that the attacker verifies' },
  },
);
