import { Counter, Histogram } from 'prom-client';
import { countsOf, type In } from './values';

const RESPONSE_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Creates the series for requests: durations, rejections and sources of signals. */
export function requestSeries({ registers }: In) {
  const rateLimited = new Counter({
    name: 'mir_rate_limited_total',
    help: 'Requests rejected because a rate-limit budget was exhausted, by policy.',
    labelNames: ['policy'],
    registers,
  });
  const signalsReads = new Counter({
    name: 'mir_signals_reads_total',
    help: 'Signals rows read, by source: cache for a hit, store for a miss or an unreachable cache.',
    labelNames: ['source'],
    registers,
  });
  const eventsSubmitted = new Counter({
    name: 'mir_events_submitted_total',
    help: 'Submitted events, by whether MIR accepted or rejected them.',
    labelNames: ['answer'],
    registers,
  });
  const rejections = new Counter({
    name: 'mir_rejections_total',
    help: 'Problems of rejected events, by whether MIR recorded them for the partner or omitted them.',
    labelNames: ['result'],
    registers,
  });
  return {
    requestSeconds: new Histogram({
      name: 'mir_http_request_duration_seconds',
      help: 'Time from request to response. Requests that match no route have route="unmatched".',
      labelNames: ['route', 'method', 'status_class'],
      buckets: RESPONSE_SECONDS,
      registers,
    }),
    rateLimited: countsOf(rateLimited, ['events', 'requests', 'control', 'introspections']),
    throttled: new Counter({
      name: 'mir_throttled_total',
      help: 'Attempts rejected by a throttle, by rule.',
      labelNames: ['rule'],
      registers,
    }),
    operatorLogInsRejected: new Counter({
      name: 'mir_operator_log_ins_rejected_total',
      help: 'Requests and log-ins that were rejected because of a wrong admin token, or a wrong password or code of an operator.',
      registers,
    }),
    passwordHashes: new Counter({
      name: 'mir_password_hashes_total',
      help: 'Passwords hashed or verified.',
      registers,
    }),
    signalsReads: countsOf(signalsReads, ['cache', 'store']),
    eventsSubmitted: countsOf(eventsSubmitted, ['accepted', 'refused']),
    rejections: countsOf(rejections, ['recorded', 'omitted']),
  };
}
