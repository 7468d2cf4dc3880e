import { z } from 'zod';
import type { RouteDoc } from '../../../api/http/route';

/** Kinds of resources that a request can name. A user is named by the partner's own ID, which is not a secret. */
export type Kind =
  | 'agent'
  | 'approval'
  | 'cascade'
  | 'event'
  | 'receipt'
  | 'erasure'
  | 'user'
  | 'cursor'
  | 'key'
  | 'session'
  | 'passkey'
  | 'member'
  | 'invitation'
  | 'webhook'
  | 'delivery'
  | 'receiver'
  | 'application'
  | 'partner'
  | 'deadLetter';

/**
 * What a route does with the resource: acts on it, filters a list by it, or interprets its name within the caller's
 * tenant.
 */
type Use = 'target' | 'filter' | 'name';

/** A parameter that names a resource. */
export interface ResourceParameter {
  in: 'path' | 'query' | 'body';
  name: string;
  kind: Kind;
  use: Use;
}

/** The kind of resource whose ID follows this segment of a path. */
const KIND_AFTER: Record<string, Kind> = {
  agents: 'agent',
  approvals: 'approval',
  cascades: 'cascade',
  keys: 'key',
  sessions: 'session',
  passkeys: 'passkey',
  members: 'member',
  invitations: 'invitation',
  webhooks: 'webhook',
  deliveries: 'delivery',
  receivers: 'receiver',
  events: 'event',
  receipts: 'receipt',
  erase: 'erasure',
  applications: 'application',
  partners: 'partner',
  'dead-letters': 'deadLetter',
};

/** Query and body parameters that name a resource. */
const NAMING: Record<string, { kind: Kind; use: Use }> = {
  cursor: { kind: 'cursor', use: 'target' },
  after: { kind: 'cursor', use: 'target' },
  rootAgentId: { kind: 'agent', use: 'target' },
  parentId: { kind: 'agent', use: 'target' },
  agentId: { kind: 'agent', use: 'filter' },
  target: { kind: 'agent', use: 'filter' },
  receiptId: { kind: 'receipt', use: 'filter' },
  eventId: { kind: 'event', use: 'filter' },
  cascadeId: { kind: 'cascade', use: 'filter' },
  userExternalId: { kind: 'user', use: 'name' },
  userExternalIds: { kind: 'user', use: 'name' },
};

/** Query and body parameters that do not name a resource. */
const VALUES = new Set(
  [
    'limit from to bucket status code type maxDepth action actor queue eventType',
    'events occurredAt weight metadata idempotencyKey',
    'name preset allowedEventTypes rateLimitPerMinute authorizer reason dryRun idleTimeoutSeconds owner',
    'includeDescendants spawnEnabled maxSpawnDepth maxChildrenPerAgent maxAgentsPerRoot approval',
    'maxSpawnsPerMinute ownerRequired maxLifetimeSeconds maxIdleSeconds agentEventVisibility',
    'READ_ONLY SUBMIT_ONLY STANDARD ORCHESTRATOR ADMIN presets',
    'fromDepth fromAgentsPerRoot url accountLabel returnUrl state expiresInSeconds',
    'website contactEmail useCase plan limits eventsPerMinute requestsPerMinute',
    'queueSharePercent suspended allowedReturnOrigins env',
    'scopes allowedIps expiresAt overlapSeconds includeCreated apiKey',
    // An access token for another partner is tested in access-tokens.test.ts.
    // An application is named together with its contact address; tested in partners/applications.test.ts.
    'applicationId',
    'email password code role environment token challengeId response id partnerId',
    'types enabled since format',
    // Keys of other partners are tested in agents/introspect.test.ts and agents/find.test.ts.
    'token_type_hint rejectInactive key keyPrefix',
    'waitSeconds requestId',
  ].flatMap((names) => names.split(' ')),
);

/** Returns the names of all properties in a schema, at any depth. */
function propertiesOf(schema: z.ZodType | undefined): string[] {
  if (!schema) return [];
  const names = new Set<string>();
  const collect = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { properties } = node as { properties?: Record<string, unknown> };
    if (properties && !Array.isArray(node)) for (const name of Object.keys(properties)) names.add(name);
    Object.values(node).forEach(collect);
  };
  collect(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  return [...names];
}

interface JsonSchema {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  properties?: Record<string, unknown>;
  anyOf?: JsonSchema[];
}

/** Returns the names of a body's own fields, in all of its variants. */
export function fieldsOf(schema: z.ZodType): string[] {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const own = (node: JsonSchema): string[] => {
    const named = node.$ref === undefined ? node : root.$defs![node.$ref.slice('#/$defs/'.length)]!;
    return [...Object.keys(named.properties ?? {}), ...(named.anyOf ?? []).flatMap(own)];
  };
  return [...new Set(own(root))];
}

function pathParameters(path: string): ResourceParameter[] {
  const segments = path.split('/');
  return segments.flatMap((segment, n) => {
    if (!segment.startsWith(':')) return [];
    const kind = KIND_AFTER[segments[n - 1]!];
    if (!kind) throw new Error(`${path}: add the kind of resource that ${segment} names to KIND_AFTER.`);
    return [{ in: 'path' as const, name: segment.slice(1), kind, use: 'target' as const }];
  });
}

/**
 * Returns the parameters of a route that name a resource, according to its path and schemas. Throws if a parameter is
 * not classified.
 */
export function resourceParameters({ method, path, query, body }: RouteDoc): ResourceParameter[] {
  const named = (where: 'query' | 'body', schema: z.ZodType | undefined): ResourceParameter[] =>
    propertiesOf(schema).flatMap((name) => {
      const naming = NAMING[name];
      if (naming) return [{ in: where, name, ...naming }];
      if (VALUES.has(name)) return [];
      throw new Error(
        `${method} ${path}: classify the ${where} parameter \`${name}\` in test/attacks/matrix/parameters.ts. ` +
          'If it names a resource, add it to NAMING; otherwise, add it to VALUES.',
      );
    });
  return [...pathParameters(path), ...named('query', query), ...named('body', body)];
}
