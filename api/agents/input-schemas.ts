import { z } from 'zod';
import { MAX_NAME_LENGTH } from '../http/lengths';
import { MAX_ALLOWED_EVENT_TYPES } from '../../shared/domain/agent';
import { lineSchema } from '../../shared/domain/line';
import { type Catalog, EVENT_TYPE_PATTERN } from '../../shared/domain/catalog';
import { type Grant, grantProblems, isAllowPattern } from '../../shared/domain/permissions';

import type { FieldError } from '../../shared/errors';
import { atLeastOne, reasonSchema } from '../http/schemas';
import { agentTypeSchema, presetSchema } from './enum-schemas';
import { lifetimeErrors, lifetimeFields, lifetimePatchFields, ONE_EXPIRY_RULE } from './lifetime-input';

const MAX_PER_MINUTE = 1_000_000_000;
const MAX_PATTERN_LENGTH = 100;

/** An allowlist entry. In the OpenAPI document, this is an enum of the patterns that the catalog allows. */
export const allowPatternSchema = z
  .string()
  .max(MAX_PATTERN_LENGTH)
  .refine(isAllowPattern, {
    message: 'Must have the form mir.<category>.<action>, mir.<category>.*, mir.* or *.',
    params: { code: 'INVALID_PATTERN' },
  })
  .meta({ id: 'EventTypePattern' });

const allowlist = z
  .array(allowPatternSchema)
  .max(MAX_ALLOWED_EVENT_TYPES)
  .overwrite((patterns) => [...new Set(patterns)])
  .describe('Event types that the agent can submit: exact types, `mir.<category>.*`, `mir.*` or `*`.');
const rateLimit = z
  .int()
  .min(1)
  .max(MAX_PER_MINUTE)
  .nullable()
  .describe(
    'Maximum events and requests per minute, shared with all descendants. Null if the agent has no limit of its own.',
  );
const name = lineSchema(MAX_NAME_LENGTH).meta({ examples: ['Restock bot'] });
const type = agentTypeSchema;
const preset = presetSchema;

/**
 * Expresses the rules of `grantProblems` in JSON Schema: an AI agent cannot have the ADMIN preset, and each entry on
 * its allowlist must specify a category. Add it next to the reference to a named schema; `atLeastOne` explains why.
 */
const AI_AGENT_RULE = {
  anyOf: [
    { properties: { type: { not: { const: 'AI_AGENT' } } } },
    {
      properties: {
        preset: { not: { const: 'ADMIN' } },
        allowedEventTypes: { minItems: 1, items: { not: { enum: ['*', 'mir.*'] } } },
      },
    },
  ],
};

/** Fields that requests have in common. A generated example would contain both `expiresAt` and `expiresInSeconds`. */
const EXAMPLE = {
  name: 'Restock bot',
  allowedEventTypes: ['mir.transaction.*'],
  rateLimitPerMinute: 600,
  expiresInSeconds: 7_776_000,
  idleTimeoutSeconds: 604_800,
  owner: { name: 'Ada Ops', email: 'ana@harbour.example' },
};

export const registerInput = z
  .strictObject({
    name,
    type,
    preset,
    allowedEventTypes: allowlist,
    rateLimitPerMinute: rateLimit.optional(),
    authorizer: lineSchema(200)
      .optional()
      .meta({ deprecated: true, description: 'Use `owner`. Who is responsible for the agent, in your own words.' }),
    ...lifetimeFields,
  })
  .meta({ id: 'RegisterAgentRequest', examples: [{ ...EXAMPLE, type: 'AI_AGENT', preset: 'STANDARD' }] })
  .meta({ allOf: [AI_AGENT_RULE, ONE_EXPIRY_RULE] });
export type RegisterInput = z.output<typeof registerInput>;

/** Omitted fields are inherited from the parent. */
export const spawnInput = z
  .strictObject({
    name,
    type: type.optional(),
    preset: preset.optional(),
    allowedEventTypes: allowlist.optional(),
    rateLimitPerMinute: rateLimit.optional(),
    ...lifetimeFields,
  })
  .meta({ id: 'SpawnAgentRequest', examples: [{ ...EXAMPLE, type: 'AI_AGENT', preset: 'STANDARD' }] })
  .meta({ allOf: [AI_AGENT_RULE, ONE_EXPIRY_RULE] });
export type SpawnInput = z.output<typeof spawnInput>;

const PATCHABLE = ['name', 'allowedEventTypes', 'rateLimitPerMinute', ...Object.keys(lifetimePatchFields)];

export const patchInput = z
  .strictObject({
    name: name.optional(),
    allowedEventTypes: allowlist.optional(),
    rateLimitPerMinute: rateLimit.optional(),
    ...lifetimePatchFields,
    reason: reasonSchema.optional(),
  })
  .refine(
    (patch) => Object.entries(patch).some(([field, value]) => field !== 'reason' && value !== undefined),
    `Must include at least one of ${PATCHABLE.join(', ')}.`,
  )
  .meta({ id: 'UpdateAgentRequest', examples: [{ ...EXAMPLE, reason: 'Approved by phone' }] })
  .meta({ ...atLeastOne(PATCHABLE), allOf: [ONE_EXPIRY_RULE] });
export type PatchInput = z.output<typeof patchInput>;

/** Request body of actions whose only input is an optional reason. */
export const reasonInput = z.strictObject({ reason: reasonSchema.optional() }).meta({ id: 'AgentActionRequest' });

/** Request body of actions that can apply to an entire subtree. */
export const subtreeInput = z
  .strictObject({
    reason: reasonSchema.optional(),
    includeDescendants: z.boolean().default(false).describe('Whether to include all descendants.'),
  })
  .meta({ id: 'SubtreeActionRequest' });

const RULES = {
  PRESET_NOT_ALLOWED: {
    path: 'preset',
    message: 'ADMIN is for service accounts. Use ORCHESTRATOR or a preset with fewer scopes.',
  },
  ALLOWLIST_REQUIRED: {
    path: 'allowedEventTypes',
    message: 'An AI agent needs at least one entry. The broadest patterns allowed have the form mir.<category>.*.',
  },
} as const;

/** Returns a field error for each permission that the agent's type does not allow. */
export function typeErrors(grant: Grant): FieldError[] {
  return grantProblems(grant).map((code) => ({ ...RULES[code], code }));
}

function catalogErrors(catalog: Catalog, patterns: readonly unknown[]): FieldError[] {
  return patterns.flatMap((pattern, n): FieldError[] => {
    if (typeof pattern !== 'string' || !isAllowPattern(pattern) || pattern === '*' || pattern === 'mir.*') return [];
    const path = `allowedEventTypes.${n}`;
    if (EVENT_TYPE_PATTERN.test(pattern)) {
      if (catalog.has(pattern)) return [];
      const hint = catalog.nearest(pattern).join(' or ');
      const message = `${pattern} is not in the catalog.${hint && ` Did you mean ${hint}?`}`;
      return [{ path, code: 'UNKNOWN_EVENT_TYPE', message }];
    }
    const category = pattern.split('.')[1];
    if (catalog.entries.some((entry) => entry.category === category)) return [];
    return [
      {
        path,
        code: 'UNKNOWN_CATEGORY',
        message: 'The category is not in the catalog. GET /v1/event-types lists all event types.',
      },
    ];
  });
}

/** Returns an error for each allowlist entry that is not in the catalog. `body` may have any shape. */
export function unknownTypes({ catalog }: { catalog: Catalog }, body: unknown): FieldError[] {
  const { allowedEventTypes } = Object(body) as Partial<Record<string, unknown>>;
  return Array.isArray(allowedEventTypes) ? catalogErrors(catalog, allowedEventTypes) : [];
}

/**
 * Returns all errors of a registration that its schema cannot express: unknown event types, and permissions that the
 * agent's type does not allow. `body` may have any shape.
 */
export function registrationErrors(ctx: { catalog: Catalog }, body: unknown): FieldError[] {
  const input = Object(body) as Partial<Record<keyof Grant, unknown>>;
  const listed = Array.isArray(input.allowedEventTypes) ? input.allowedEventTypes : [];
  const allowedEventTypes = listed.filter((pattern) => typeof pattern === 'string');
  return [
    ...typeErrors({ ...(input as Grant), allowedEventTypes }),
    ...unknownTypes(ctx, body),
    ...lifetimeErrors(body),
  ];
}

/** Returns all errors of a spawn or a change that its schema cannot express. `body` may have any shape. */
export function spawnOrChangeErrors(ctx: { catalog: Catalog }, body: unknown): FieldError[] {
  return [...unknownTypes(ctx, body), ...lifetimeErrors(body)];
}
