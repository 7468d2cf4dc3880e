import { type DashboardSpec, quantile, rate } from '../dashboard';

const REQUESTS = 'mir_http_request_duration_seconds';
const RESOLVE = '{route="/resolve",method="POST"}';

/** `POST /resolve` and all other routes. */
export const resolve: DashboardSpec = {
  uid: 'mir-resolve',
  title: 'Resolve',
  description: 'Signals as they are read: how fast, from where, and what else is asked.',
  panels: [
    {
      title: 'Resolves',
      description: 'Requests a second by class of their status.',
      unit: 'reqps',
      series: [[rate(`${REQUESTS}_count`, RESOLVE, ['status_class']), '{{status_class}}']],
    },
    {
      title: 'Time of a resolve',
      description: 'How long an answered resolve took.',
      unit: 's',
      series: [0.5, 0.95, 0.99].map((q) => [
        quantile(q, REQUESTS, '{route="/resolve",method="POST",status_class="2xx"}'),
        `p${q * 100}`,
      ]),
    },
    {
      title: 'Read from the cache',
      description: 'Share of the signals rows that came from the cache.',
      unit: 'percentunit',
      series: [[`${rate('mir_signals_reads_total', '{source="cache"}')} / ${rate('mir_signals_reads_total')}`, 'hits']],
    },
    {
      title: 'Rows read',
      description: 'Signals rows a second by where they came from.',
      unit: 'ops',
      series: [[rate('mir_signals_reads_total', '', ['source']), '{{source}}']],
    },
    {
      title: 'Breakers',
      description: '1: the breaker refuses calls (open) or tries one (half_open).',
      unit: 'none',
      redFrom: 1,
      series: [
        ['max by (breaker) (mir_breaker_state{state="open"})', '{{breaker}} open'],
        ['max by (breaker) (mir_breaker_state{state="half_open"})', '{{breaker}} half open'],
      ],
    },
    {
      title: 'Failures by route',
      description: 'Answers 5xx a second.',
      unit: 'reqps',
      series: [
        [`${rate(`${REQUESTS}_count`, '{status_class="5xx"}', ['route', 'method'])} > 0`, '{{method}} {{route}}'],
      ],
    },
    {
      title: 'Requests by route',
      description: 'The ten busiest routes.',
      unit: 'reqps',
      series: [[`topk(10, ${rate(`${REQUESTS}_count`, '', ['route', 'method'])})`, '{{method}} {{route}}']],
    },
    {
      title: 'Slowest routes',
      description: 'The ten highest p99 of the routes that are asked.',
      unit: 's',
      series: [[`topk(10, ${quantile(0.99, REQUESTS, '', ['route', 'method'])})`, '{{method}} {{route}}']],
    },
    {
      title: 'Requests that no route takes',
      description: 'A probe, or a caller with a wrong address.',
      unit: 'reqps',
      series: [[rate(`${REQUESTS}_count`, '{route="unmatched"}', ['status_class']), '{{status_class}}']],
    },
  ],
};
