import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    'kill-pairs': { type: 'string', default: '9' },
    samples: { type: 'string', default: '1000' },
    apis: { type: 'string', default: '3' },
    only: { type: 'string', default: 'latency,crash,rate' },
    'kill-every-seconds': { type: 'string', default: '5' },
  },
});

/** The command-line options of `npm run bench:kill`. */
export const options = {
  agents: Number(values.agents),
  rounds: Number(values.rounds),
  killPairs: Number(values['kill-pairs']),
  samples: Number(values.samples),
  apis: Number(values.apis),
  killEveryMs: Number(values['kill-every-seconds']) * 1_000,
  selected: new Set(values.only.split(',')),
};
