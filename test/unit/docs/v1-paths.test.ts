import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { PROBLEMS } from '../../../api/http/problems';
import { buildOpenApi } from '../../../api/openapi/build-openapi';
import { BARE_ROUTES, PARTNER_ROUTES } from '../../../api/routes';
import { welcome } from '../../../deploy/local/welcome';
import { NO_OPERATOR } from '../../../shared/config/operator';
import { projectRoot } from '../../../shared/project';

const root = projectRoot();
const CHAPTERS = 'api/web/guide/chapters';

/** The prefixes of all partner routes, such as `/events` for `/events/receipts/:id`. */
const beginnings = new Set(PARTNER_ROUTES.map(({ path }) => /^\/partners\/\w+|^\/[\w-]+/.exec(path)![0]));
/** Matches a partner route without /v1, but not admin routes or source folders. */
const BARE = new RegExp(
  `\\S*(?<!/v1(?:/[\\w-]+)*|/admin(?:/[\\w{}:-]+)*|\\b(?:api|workers|shared|deploy|test|docs))(?:${[...beginnings].join('|')})(?![\\w-])\\S*`,
  'g',
);
const bareIn = (text: string): string[] => text.match(BARE) ?? [];

const openApi = buildOpenApi(
  { partner: PARTNER_ROUTES, bare: BARE_ROUTES },
  { publicUrl: 'https://mir.example', operator: NO_OPERATOR, eventTypes: ['mir.transaction.completed'] },
);

const documents: [string, string][] = [
  ...['README.md', 'CHANGELOG.md', 'deploy/docs/runbook.md', 'deploy/docs/production.md', 'deploy/docs/settings.md']
    .concat(readdirSync(join(root, CHAPTERS)).map((file) => join(CHAPTERS, file)))
    .map((file): [string, string] => [file, readFileSync(join(root, file), 'utf8')]),
  ['the OpenAPI document', JSON.stringify(openApi, null, 1)],
  ['the problem texts', JSON.stringify(PROBLEMS)],
  [
    'the output of npm start',
    welcome({
      url: 'http://localhost:3000',
      metricsUrl: 'http://localhost:3100/metrics',
      dataDir: '/data',
      mongo: 'MongoDB 8',
      redis: 'Valkey 8',
      workers: 1,
      adminToken: 'ADMIN_TOKEN as given',
      isOperatorInvited: true,
      partner: { partnerId: 'prt_1', liveApiKey: 'mir_live_one', testApiKey: 'mir_test_one' },
      color: false,
    }),
  ],
];

describe('partner routes', () => {
  it.each(documents)('%s shows partner routes only under /v1', (_name, text) => {
    expect(bareIn(text)).toEqual([]);
  });

  it('finds only partner routes without /v1', () => {
    expect(bareIn('`POST /events`, "$MIR_URL/partners/applications" and http://localhost:3000/resolve')).toHaveLength(
      3,
    );
    expect(bareIn('/v1/events, /admin/applications, api/events/submit-events.ts, /events-of-mine')).toEqual([]);
  });

  it('documents partner routes under /v1, and all other routes without this prefix', () => {
    const { paths } = openApi as { paths: Record<string, unknown> };
    const inTemplate = (path: string): string => path.replaceAll(/:(\w+)/g, '{$1}');
    const expected = [
      ...PARTNER_ROUTES.map(({ path }) => `/v1${inTemplate(path)}`),
      ...BARE_ROUTES.map(({ path }) => inTemplate(path)),
    ];
    expect(Object.keys(paths).toSorted()).toEqual([...new Set(expected)].toSorted());
  });
});
