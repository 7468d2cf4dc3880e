import { readOptions } from '../options';

/** The command-line options of `npm run bench:kill`. */
export const options = readOptions(
  {
    name: 'bench:kill',
    summary: 'Measures the kill switch on a large tree of agents.',
    figures: ['latency', 'race', 'push', 'crash', 'rate'],
  },
  {
    agents: { default: 100_000, meaning: 'agents in the large tree' },
    rounds: { default: 3, meaning: 'rounds of the cascade rate' },
    killPairs: { default: 9, meaning: 'kills of each tree, for the latency' },
    samples: { default: 1_000, meaning: 'keys that are called after each kill' },
    raceRounds: { default: 50, meaning: 'kills during which clients use the keys of the tree' },
    raceClients: { default: 200, meaning: 'clients in each of these rounds' },
    pushKills: { default: 100, meaning: 'kills whose pushes to receivers are measured' },
    apis: { default: 3, meaning: 'API processes' },
    killEverySeconds: { default: 5, meaning: 'interval of the worker kills' },
  },
);
