import { contactHref } from '../../shared/config/operator';
import { VERSION } from '../../shared/project';
import type { RouteDoc } from '../http/route';
import type { Json } from './example-of';
import { headerComponents } from '../http/response-headers';
import { createComponents, type DocumentFacts } from './components';
import { operationOf } from './operation';
import { WEBHOOK_SECURITY, webhooksOf } from './webhooks';

const DESCRIPTION = `MIR provides participation history as neutral facts: its depth, the number of events and partners, and how recent it is. MIR does not rate anyone.

Partner routes start with \`/v1\`; operator and health routes do not. To get started, see the [Partner Guide](/guide).

Unknown paths return 404 \`NOT_FOUND\`. Unsupported methods return 405 \`METHOD_NOT_ALLOWED\` with an \`Allow\` header.`;

const TAGS: Record<string, string> = {
  Keys: 'Manage your API keys.',
  Events: 'Submit and list events, and check receipts.',
  Signals: 'Read a user’s history as facts.',
  Partners: 'Apply to become a partner.',
  Linking: 'Let people connect their accounts on your platform to their MIR accounts.',
  Users: 'Erase users.',
  Webhooks: 'Manage the endpoints to which MIR sends messages, and see whether they arrived.',
  Agents:
    'Manage AI agents and service accounts, their keys and trees, and the kill switch. Requires the ENTERPRISE plan.',
  Usage: 'Read how many events and requests you sent, and what became of them.',
  Members: 'Manage the people of your organization. Needs the access token of a member.',
  'Staff accounts': 'Log in as a member or operator, and manage your own account and sessions.',
  Audit: 'Read and verify the hash-chained audit log.',
  Operator: 'Administer this registry.',
  Operations: 'Health checks for load balancers and orchestrators.',
};

interface DocumentedRoutes {
  /** Partner routes, documented under `/v1`. */
  partner: readonly RouteDoc[];
  /** Operator and health routes, documented without `/v1`. */
  bare: readonly RouteDoc[];
}

/**
 * Returns the server URL for the document. Replaces a loopback URL, which does not work on other hosts, with a relative
 * URL.
 */
function serverOf(publicUrl: string): string {
  return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(publicUrl).hostname) ? '/' : publicUrl;
}

/** Returns the operator's contact and terms. Without a configured contact, the server itself is the contact. */
function operatorInfo({ operator: { name, contact, termsUrl }, publicUrl }: DocumentFacts): Json {
  const href = contact === null ? publicUrl : contactHref(contact);
  const email = href.startsWith('mailto:') ? contact : null;
  return {
    contact: { name: name ?? 'The operator of this registry', ...(email === null ? { url: href } : { email }) },
    ...(termsUrl === null ? {} : { termsOfService: termsUrl }),
  };
}

/** Builds the OpenAPI 3.1 document from the schemas that also validate requests. */
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
      ...operatorInfo(facts),
      // Matches the license in package.json.
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
          description: 'A partner key (`mir_live_…` or `mir_test_…`), an agent’s key or a member’s access token.',
        },
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'The same API key as a bearer token. Send it in only one of the two headers.',
        },
        session: {
          type: 'http',
          scheme: 'bearer',
          description: 'The session token of a staff account (`mir_session_…`).',
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
