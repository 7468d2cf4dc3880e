import { type DashboardSpec, quantile, rate } from '../dashboard';

/** The stores as our processes meet them, and the processes themselves. */
export const stores: DashboardSpec = {
  uid: 'mir-stores',
  title: 'Stores',
  description: 'MongoDB and the two roles of Redis as our processes meet them, and the processes themselves.',
  panels: [
    {
      title: "Memory of the queue's Redis",
      description: 'Against the bound from which POST /v1/events answers 503.',
      unit: 'bytes',
      series: [
        ['max(mir_queue_redis_memory_bytes)', 'used'],
        ['max(mir_queue_redis_memory_limit_bytes) < +Inf', 'bound'],
      ],
    },
    {
      title: 'Bytes in the queue',
      description: 'Against the bound from which POST /v1/events answers 503.',
      unit: 'bytes',
      series: [
        ['max(mir_queued_bytes)', 'queued'],
        ['max(mir_queued_bytes_limit)', 'bound'],
      ],
    },
    {
      title: 'Time of a ping to Redis',
      description: 'One a second from every process; p99 by role.',
      unit: 's',
      series: [[quantile(0.99, 'mir_redis_ping_seconds', '', ['role']), '{{role}}']],
    },
    {
      title: 'Time of a ping to MongoDB',
      description: 'One a second from every process to the primary.',
      unit: 's',
      series: [0.5, 0.99].map((q) => [quantile(q, 'mir_mongo_ping_seconds'), `p${q * 100}`]),
    },
    {
      title: 'Pings without an answer',
      description: 'A second, by store and process.',
      unit: 'ops',
      redFrom: 0.5,
      series: [
        [rate('mir_redis_ping_failures_total', '', ['role', 'instance']), 'Redis {{role}} {{instance}}'],
        [rate('mir_mongo_ping_failures_total', '', ['instance']), 'MongoDB {{instance}}'],
      ],
    },
    {
      title: 'Connections to MongoDB in use',
      description: 'Of the pool of each process, which holds at most 50.',
      unit: 'short',
      series: [
        ['sum by (instance) (mir_mongo_pool_checked_out)', '{{instance}} in use'],
        ['sum by (instance) (mir_mongo_pool_size)', '{{instance}} open'],
      ],
    },
    {
      title: 'Waiting for a connection',
      description: 'Operations that wait for one of the pool, and those a second that got none.',
      unit: 'short',
      redFrom: 1,
      series: [
        ['sum by (instance) (mir_mongo_pool_waiting)', '{{instance}} waiting'],
        [rate('mir_mongo_checkout_failures_total', '', ['instance']), '{{instance}} failed'],
      ],
    },
    {
      title: 'Event loop',
      description: 'p99 of the lag of each process.',
      unit: 's',
      redFrom: 0.5,
      series: [['nodejs_eventloop_lag_p99_seconds{job=~"mir-.*"}', '{{instance}}']],
    },
    {
      title: 'CPU',
      description: 'Cores that each process uses.',
      unit: 'short',
      series: [['rate(process_cpu_seconds_total{job=~"mir-.*"}[$__rate_interval])', '{{instance}}']],
    },
    {
      title: 'Memory',
      description: 'Resident memory of each process.',
      unit: 'bytes',
      series: [['process_resident_memory_bytes{job=~"mir-.*"}', '{{instance}}']],
    },
    {
      title: 'Processes',
      description: 'How many of each kind answer.',
      unit: 'none',
      kind: 'stat',
      series: [['sum by (job) (up{job=~"mir-.*"})', '{{job}}']],
    },
    {
      title: 'Age of the gauges',
      description: 'Since workers last read queues, cascades and audit.',
      unit: 's',
      redFrom: 60,
      series: [['time() - max by (what) (mir_gauges_read_timestamp_seconds)', '{{what}}']],
    },
    {
      title: 'Passwords hashed',
      description: 'Log-ins and sign-ups of people cost CPU: hashes a second.',
      unit: 'ops',
      series: [[rate('mir_password_hashes_total'), 'hashes']],
    },
  ],
};
