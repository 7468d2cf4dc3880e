import { type DashboardSpec, quantile, rate } from '../dashboard';

const REQUESTS = 'mir_http_request_duration_seconds';
const KILLS = '{route="/agents/:id/revoke-descendants",method="POST"}';

/** Agents, kills, cascades, audit. */
export const agents: DashboardSpec = {
  uid: 'mir-agents',
  title: 'Agents and kill switch',
  description: 'Kills from the order to the last cleared key, and the sealing of the audit.',
  panels: [
    {
      title: 'Late kills',
      description: 'Share of the kills of the last hour that failed or took longer than 1 s; 1 % may.',
      unit: 'percentunit',
      kind: 'stat',
      redFrom: 0.01,
      series: [['mir:kill_late:ratio_rate1h >= 0', 'late']],
    },
    {
      title: 'Open cascades',
      description: 'Kills that are in force and not yet cleared away.',
      unit: 'none',
      kind: 'stat',
      series: [['max by (status) (mir_cascades_open)', '{{status}}']],
    },
    {
      title: 'Oldest open cascade',
      description: 'Time since the oldest of them was ordered.',
      unit: 's',
      kind: 'stat',
      redFrom: 600,
      series: [['max(mir_cascade_oldest_open_seconds)', 'age']],
    },
    {
      title: 'Kills',
      description: 'Orders a second by class of their status, previews included.',
      unit: 'reqps',
      series: [[rate(`${REQUESTS}_count`, KILLS, ['status_class']), '{{status_class}}']],
    },
    {
      title: 'Time until a kill is in force',
      description: 'From the request to the answer, after which no key below passes.',
      unit: 's',
      redFrom: 1,
      series: [0.5, 0.99].map((q) => [
        quantile(q, REQUESTS, '{route="/agents/:id/revoke-descendants",method="POST",status_class="2xx"}'),
        `p${q * 100}`,
      ]),
    },
    {
      title: 'Time until a cascade is closed',
      description: 'From the order until every key hash is null and every audit entry written.',
      unit: 's',
      series: [0.5, 0.99].map((q) => [quantile(q, 'mir_cascade_duration_seconds'), `p${q * 100}`]),
    },
    {
      title: 'Agents revoked',
      description: 'Agents a second that cascades cleared.',
      unit: 'ops',
      series: [[rate('mir_agents_revoked_total'), 'revoked']],
    },
    {
      title: 'Unsealed audit entries',
      description: 'They wait to be sealed into their chain; counted to 100,000.',
      unit: 'short',
      series: [['max(mir_audit_unsealed)', 'entries']],
    },
    {
      title: 'Lag of the sealer',
      description: 'Age of the oldest entry that waits.',
      unit: 's',
      redFrom: 900,
      series: [['max(mir_audit_seal_lag_seconds)', 'age']],
    },
    {
      title: 'Entries sealed',
      description: 'Entries a second; the sealer rests while events and cascades are at work.',
      unit: 'ops',
      series: [[rate('mir_audit_sealed_total'), 'sealed']],
    },
  ],
};
