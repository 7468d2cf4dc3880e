import { Counter, Histogram } from 'prom-client';
import { countsOf, type In } from './values';

const ANSWER_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What callers meet: answers, refusals, where signals are read from. */
export function requestSeries({ registers }: In) {
  const rateLimited = new Counter({
    name: 'mir_rate_limited_total',
    help: 'Requests refused for the budget of their key, by its policy.',
    labelNames: ['policy'],
    registers,
  });
  const signalsReads = new Counter({
    name: 'mir_signals_reads_total',
    help: 'Signals rows read, by source: cache is a hit, store a miss (or the cache was away).',
    labelNames: ['source'],
    registers,
  });
  const eventsSubmitted = new Counter({
    name: 'mir_events_submitted_total',
    help: 'Submitted events, by whether they were accepted.',
    labelNames: ['answer'],
    registers,
  });
  return {
    requestSeconds: new Histogram({
      name: 'mir_http_request_duration_seconds',
      help: 'Time from request to answer. Requests that no route takes are counted under route="unmatched".',
      labelNames: ['route', 'method', 'status_class'],
      buckets: ANSWER_SECONDS,
      registers,
    }),
    rateLimited: countsOf(rateLimited, ['events', 'requests', 'control']),
    throttled: new Counter({
      name: 'mir_throttled_total',
      help: 'Tries refused because there were too many of them, by the rule that counts them.',
      labelNames: ['rule'],
      registers,
    }),
    passwordHashes: new Counter({
      name: 'mir_password_hashes_total',
      help: 'Passwords of people that were hashed or checked.',
      registers,
    }),
    signalsReads: countsOf(signalsReads, ['cache', 'store']),
    eventsSubmitted: countsOf(eventsSubmitted, ['accepted', 'refused']),
  };
}
