import { type DashboardSpec, quantile, rate } from '../dashboard';

const REQUESTS = 'mir_http_request_duration_seconds';

/** From `POST /events` to visible. */
export const ingestion: DashboardSpec = {
  uid: 'mir-ingestion',
  title: 'Ingestion',
  description: 'Events from submission to visible signals: what is accepted, what waits, how commits go.',
  panels: [
    {
      title: 'Late chunks',
      description: 'Share of the chunks of the last hour that took longer than 5 s to be visible; 1 % may.',
      unit: 'percentunit',
      kind: 'stat',
      redFrom: 0.01,
      series: [['mir:freshness_late:ratio_rate1h >= 0', 'late']],
    },
    {
      title: 'Failed requests',
      description: 'Share of the requests of the last hour that were answered 5xx; 0.1 % may.',
      unit: 'percentunit',
      kind: 'stat',
      redFrom: 0.001,
      series: [['mir:request_errors:ratio_rate1h >= 0', '5xx']],
    },
    {
      title: 'Dead letters',
      description: 'Jobs that could not succeed and wait for a decision.',
      unit: 'none',
      kind: 'stat',
      redFrom: 1,
      series: [['max by (queue) (mir_dead_letters)', '{{queue}}']],
    },
    {
      title: 'Submitted events',
      description: 'Events that were accepted or refused a second.',
      unit: 'ops',
      series: [[rate('mir_events_submitted_total', '', ['answer']), '{{answer}}']],
    },
    {
      title: 'Answers of POST /v1/events',
      description: 'Requests a second by class of their status.',
      unit: 'reqps',
      series: [[rate(`${REQUESTS}_count`, '{route="/events",method="POST"}', ['status_class']), '{{status_class}}']],
    },
    {
      title: 'Time to the 202',
      description: 'How long an accepted submission waits for its answer.',
      unit: 's',
      series: [0.5, 0.95, 0.99].map((q) => [
        quantile(q, REQUESTS, '{route="/events",method="POST",status_class="2xx"}'),
        `p${q * 100}`,
      ]),
    },
    {
      title: 'Jobs',
      description: 'Jobs of all queues by state.',
      unit: 'short',
      series: [['max by (queue, state) (mir_queue_jobs)', '{{queue}} {{state}}']],
    },
    {
      title: 'Oldest waiting job',
      description: 'How long the oldest job has waited for a worker.',
      unit: 's',
      redFrom: 60,
      series: [['max by (queue) (mir_queue_oldest_waiting_seconds)', '{{queue}}']],
    },
    {
      title: 'Longest at work',
      description: 'How long a worker has held the job that is longest at work. Events: seconds, or a store is away.',
      unit: 's',
      redFrom: 60,
      series: [['max by (queue) (mir_queue_longest_active_seconds)', '{{queue}}']],
    },
    {
      title: 'Accepted until visible',
      description: 'Freshness of the chunks that became visible.',
      unit: 's',
      redFrom: 5,
      series: [0.5, 0.95, 0.99].map((q) => [quantile(q, 'mir_freshness_seconds'), `p${q * 100}`]),
    },
    {
      title: 'Outcomes',
      description: 'Events a second by what became of them.',
      unit: 'ops',
      series: [[rate('mir_events_settled_total', '', ['outcome']), '{{outcome}}']],
    },
    {
      title: 'Commits',
      description: 'Time of a group commit, retries included.',
      unit: 's',
      series: [
        [quantile(0.5, 'mir_commit_duration_seconds'), 'p50'],
        [quantile(0.99, 'mir_commit_duration_seconds'), 'p99'],
      ],
    },
    {
      title: 'Events in a commit',
      description: 'Small groups: workers keep up. Large ones (up to 2,000): they catch up.',
      unit: 'short',
      series: [[`${rate('mir_commit_events_sum')} / ${rate('mir_commit_events_count')}`, 'mean']],
    },
    {
      title: 'Commits tried again',
      description:
        'transient: the store was away or busy. duplicate: a twin was first. rejected: it refused the content.',
      unit: 'ops',
      series: [[rate('mir_commit_retries_total', '', ['reason']), '{{reason}}']],
    },
    {
      title: 'Refused for their budget',
      description: 'Requests a second over the budget of their key, and tries over the rule of a throttle.',
      unit: 'reqps',
      series: [
        [rate('mir_rate_limited_total', '', ['policy']), '{{policy}}'],
        [rate('mir_throttled_total', '', ['rule']), '{{rule}}'],
      ],
    },
    {
      title: 'Jobs done and failed for good',
      description: 'Jobs a second by queue and how they ended.',
      unit: 'ops',
      series: [
        [rate('mir_jobs_done_total', '', ['queue']), '{{queue}} done'],
        [rate('mir_jobs_failed_total', '', ['queue']), '{{queue}} failed'],
      ],
    },
    {
      title: 'Outbox',
      description: 'How long committed work has been overdue: changes of links, webhook messages, erasures.',
      unit: 's',
      redFrom: 900,
      series: [['max by (rows) (mir_outbox_overdue_seconds)', '{{rows}}']],
    },
  ],
};
