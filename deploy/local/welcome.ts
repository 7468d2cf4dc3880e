import type { DemoPartner } from './demo-partner';

interface Facts {
  url: string;
  metricsUrl: string;
  dataDir: string;
  mongo: string;
  redis: string;
  workers: number;
  /** Where the operator finds the admin token. */
  adminToken: string;
  /** Whether the outbox contains an invitation for the first operator. */
  isOperatorInvited: boolean;
  partner: DemoPartner | null;
  color: boolean;
}

/** Formats the message that `npm start` prints when MIR is ready. */
export function welcome(facts: Facts): string {
  const style = (code: number, text: string): string => (facts.color ? `\u001B[${code}m${text}\u001B[0m` : text);
  const label = (text: string): string => style(2, text.padEnd(9));
  const lines = [
    '',
    `  ${style(1, 'MIR is ready')}  ${style(36, facts.url)}`,
    '',
    `  ${label('data')}${facts.dataDir}`,
    `  ${label('MongoDB')}${facts.mongo}`,
    `  ${label('Redis')}${facts.redis}`,
    `  ${label('workers')}${facts.workers}`,
    `  ${label('metrics')}${facts.metricsUrl}`,
    `  ${label('partners')}${facts.url}/partners (guide: ${facts.url}/guide, API: ${facts.url}/docs)`,
    `  ${label('people')}${facts.url}/signup (emails: ${facts.url}/outbox)`,
    `  ${label('operator')}${facts.url}/console${facts.isOperatorInvited ? ' (first accept the invitation in the emails)' : ''}`,
    `  ${label('queues')}${facts.url}/admin/login (${facts.adminToken})`,
    ...(facts.partner === null ? [] : firstSteps(facts.url, facts.partner, label, (text) => style(1, text))),
    '',
    '  Press Ctrl-C to stop. Your data is kept.',
    '',
  ];
  return lines.join('\n');
}

function firstSteps(
  url: string,
  partner: DemoPartner,
  label: (text: string) => string,
  title: (text: string) => string,
): string[] {
  const post = (path: string, body: object): string =>
    `curl -s ${url}${path} -H 'x-api-key: ${partner.testApiKey}' -H 'content-type: application/json' -d '${JSON.stringify(body)}'`;
  return [
    '',
    `  ${title('Demo partner')}`,
    '',
    `  ${label('test key')}${partner.testApiKey}`,
    `  ${label('')}for testing; its data never mixes with live data`,
    `  ${label('live key')}${partner.liveApiKey}`,
    `  ${label('')}for real data`,
    '',
    `  ${title('Try it')}`,
    '',
    post('/v1/events', { userExternalId: 'u-1', eventType: 'mir.transaction.completed' }),
    post('/v1/resolve', { userExternalId: 'u-1' }),
    'npm run demo',
  ];
}
