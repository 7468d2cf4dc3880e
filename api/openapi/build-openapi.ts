import { VERSION } from '../../shared/project';
import type { RouteDoc } from '../http/route';
import type { Json } from './example-of';
import { headerComponents } from '../http/response-headers';
import { createComponents, type DocumentFacts } from './components';
import { operationOf } from './operation';
import { WEBHOOK_SECURITY, webhooksOf } from './webhooks';

const DESCRIPTION = `Participation history as neutral facts: depth, number of events and partners, recency. Nothing here rates anybody.

Partner routes are served under \`/v1\`, those of operators and operations without it. The [Partner Guide](/guide) leads from an application to the first signal.

A path that exists answers 405 \`METHOD_NOT_ALLOWED\` with \`Allow\` to other methods; a path that does not, 404 \`NOT_FOUND\`.`;

const TAGS: Record<string, string> = {
  Events: 'What users did: submit it, look it up, see what became of it.',
  Signals: 'What history exists of a user, as facts.',
  Partners: 'How to become one.',
  Linking: 'A person connects an account of yours to their own MIR account, always by their own action.',
  Users: 'Erase a user of yours.',
  Agents: 'Keys of your AI agents and service accounts, their trees, and the kill switch. Plan ENTERPRISE.',
  Audit: 'What was changed, by whom, in a chain of hashes.',
  Operator: 'For whoever runs this registry.',
  Operations: 'For balancers and orchestrators: whether a process runs, and whether to give it requests.',
};

interface DocumentedRoutes {
  /** Documented under /v1, where partners should call them. */
  partner: readonly RouteDoc[];
  /** Of operators and operations: served without /v1 only. */
  bare: readonly RouteDoc[];
}

/** The address of the API. A name of this machine is of no use elsewhere: then it is where the document came from. */
function serverOf(publicUrl: string): string {
  return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(publicUrl).hostname) ? '/' : publicUrl;
}

/** The OpenAPI 3.1 document, made at start from the very schemas that validate. */
export function buildOpenApi({ partner, bare }: DocumentedRoutes, facts: DocumentFacts): Json {
  const components = createComponents(facts);
  const paths: Record<string, Json> = {};
  const add = (prefix: string, docs: readonly RouteDoc[]): void => {
    for (const doc of docs) {
      const path = prefix + doc.path.replaceAll(/:(\w+)/g, '{$1}');
      (paths[path] ??= {})[doc.method.toLowerCase()] = operationOf(doc, components);
    }
  };
  add('/v1', partner);
  add('', bare);
  const tags = [...new Set([...partner, ...bare].map(({ tag }) => tag))];
  const webhooks = webhooksOf(components);
  return {
    openapi: '3.1.0',
    info: {
      title: 'MIR',
      version: VERSION,
      description: DESCRIPTION,
      contact: { name: 'The operator of this registry', url: facts.publicUrl },
      // As package.json says: nobody but the operator may use it.
      license: { name: 'Proprietary', identifier: 'LicenseRef-Proprietary' },
    },
    externalDocs: { description: 'Partner Guide', url: `${facts.publicUrl}/guide` },
    servers: [{ url: serverOf(facts.publicUrl) }],
    tags: tags.map((name) => ({ name, ...(TAGS[name] ? { description: TAGS[name] } : {}) })),
    paths,
    webhooks,
    components: {
      ...components.toJson(),
      headers: headerComponents(),
      securitySchemes: {
        apiKey: {
          type: 'apiKey',
          in: 'header',
          name: 'x-api-key',
          description: 'A partner’s key, `mir_live_…` or `mir_test_…`, or the key of one of its agents.',
        },
        adminToken: {
          type: 'apiKey',
          in: 'header',
          name: 'x-admin-token',
          description: 'The operator’s `ADMIN_TOKEN`.',
        },
        ...WEBHOOK_SECURITY,
      },
    },
  };
}
