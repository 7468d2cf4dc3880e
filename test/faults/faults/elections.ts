import { stepDown } from '../../support/step-down';
import type { Fault } from './fault';

export const ELECTIONS: Fault[] = [
  {
    number: 31,
    name: 'MongoDB election',
    does: 'MongoDB steps down (replSetStepDown), and is a secondary for 5–15 s until it is elected again',
    invariant: 'no event is reported as FAILED; all are stored afterward',
    seconds: { from: 5, to: 15 },
    run: async ({ environment, seconds, hold }) => {
      await stepDown(environment.mongo.server.url, seconds);
      await hold();
    },
  },
];
