/**
 * The product's layers, lowest first. A folder may import from lower layers and, if this causes no cycle, from its own
 * layer. `/*` matches the direct subfolders, and `/**` matches everything below. ARCHITECTURE.md explains the order.
 */
export const LAYERS: readonly { name: string; folders: readonly string[] }[] = [
  { name: 'domain', folders: ['shared/domain'] },
  { name: 'errors and log', folders: ['shared/errors.ts', 'shared/log.ts', 'shared/project.ts'] },
  { name: 'metrics and tracing', folders: ['shared/metrics', 'shared/tracing'] },
  { name: 'config', folders: ['shared/config'] },
  { name: 'process', folders: ['shared/concurrency', 'shared/process'] },
  { name: 'stores', folders: ['shared/redis', 'shared/store'] },
  {
    name: 'state',
    folders: [
      'shared/audit',
      'shared/cache',
      'shared/locks',
      'shared/queue',
      'shared/rejections',
      'shared/signing',
      'shared/usage',
    ],
  },
  { name: 'emails', folders: ['shared/mails'] },
  { name: 'authorization and messages', folders: ['shared/authz', 'shared/webhooks'] },
  { name: 'runtime', folders: ['shared/runtime.ts'] },
  { name: 'worker jobs', folders: ['workers/queue-worker.ts', 'workers/*'] },
  { name: 'worker process', folders: ['workers/start-workers.ts', 'workers/main.ts'] },
  { name: 'accounts', folders: ['api/accounts'] },
  { name: 'API context', folders: ['api/context.ts'] },
  { name: 'HTTP', folders: ['api/http'] },
  { name: 'writes', folders: ['api/db'] },
  {
    name: 'features',
    folders: [
      'api/admin/**',
      'api/agents',
      'api/audit',
      'api/events',
      'api/keys',
      'api/links',
      'api/members',
      'api/openapi',
      'api/partners',
      'api/people',
      'api/receivers',
      'api/resolve',
      'api/staff',
      'api/usage',
      'api/users',
      'api/webhooks',
    ],
  },
  { name: 'pages', folders: ['api/web/**'] },
  { name: 'API process', folders: ['api/routes.ts', 'api/app.ts', 'api/main.ts'] },
  { name: 'deployment', folders: ['deploy/**'] },
];

/**
 * Pairs of folders that must not import each other. The API and the workers communicate only through queues and
 * databases. The portal and the console share what is in other folders of `api/web`.
 */
export const SEPARATE: readonly (readonly [string, string])[] = [
  ['api', 'workers'],
  ['api/web/console', 'api/web/portal'],
];
