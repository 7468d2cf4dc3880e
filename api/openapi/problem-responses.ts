import { z } from 'zod';
import { MAX_LISTED_ERRORS, type ProblemCode } from '../../shared/errors';
import { problemTypeOf } from '../http/problem';
import { PROBLEMS } from '../http/problems';
import { type RouteDoc, WRITING_SCOPES } from '../http/route';
import type { Components } from './components';
import type { Json } from './example-of';
import { type HeaderName, headerRefs } from '../http/response-headers';

const ALWAYS: readonly ProblemCode[] = ['INVALID_REQUEST', 'INTERNAL'];
const WITH_KEY: readonly ProblemCode[] = [
  'API_KEY_AMBIGUOUS',
  'API_KEY_MISSING',
  'API_KEY_INVALID',
  'API_KEY_EXPIRED',
  'SCOPE_MISSING',
  'IP_NOT_ALLOWED',
  'PARTNER_SUSPENDED',
  'AGENT_KEY_REVOKED',
  'AGENT_EXPIRED',
  'AGENT_SUSPENDED',
  'RATE_LIMITED',
  'OVERLOADED',
  'STORE_UNAVAILABLE',
];
const WITH_ADMIN: readonly ProblemCode[] = ['ADMIN_TOKEN_INVALID', 'NOT_FOUND', 'RATE_LIMITED'];
const WITH_SESSION: readonly ProblemCode[] = ['SESSION_INVALID', 'RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE'];
const WITH_BODY: readonly ProblemCode[] = [
  'INVALID_JSON',
  'INVALID_ENCODING',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'VALIDATION_FAILED',
];
/** Codes that any request with a valid API key can receive. */
const FORBIDDEN: readonly ProblemCode[] = ['SCOPE_MISSING', 'IP_NOT_ALLOWED', 'AGENT_SUSPENDED', 'PARTNER_SUSPENDED'];
/** Example `errors` for the codes that include them. */
const WITH_FIELDS: Partial<Record<ProblemCode, Json[]>> = {
  VALIDATION_FAILED: [{ path: 'userExternalId', code: 'REQUIRED', message: 'Required.' }],
  ESCALATION_DENIED: [
    {
      path: 'preset',
      code: 'ESCALATION',
      message: 'ADMIN includes agents:manage, which the parent does not have.',
    },
  ],
  PRESET_NOT_ALLOWED: [{ path: 'preset', code: 'PRESET_NOT_ALLOWED', message: 'ADMIN is for service accounts.' }],
  ALLOWLIST_REQUIRED: [
    {
      path: 'allowedEventTypes',
      code: 'ALLOWLIST_REQUIRED',
      message: 'An AI agent needs at least one entry. The broadest patterns allowed have the form mir.<category>.*.',
    },
  ],
};

/** RFC 9457 problem details, extended with `code` and `errors`. */
const problemSchema = z
  .object({
    type: z
      .url()
      .describe('Link to the code’s entry in the Partner Guide.')
      .meta({ examples: ['https://mir.example/errors/INVALID_JSON'] }),
    title: z.string().describe('Summary of the problem. Identical for every error with this code.'),
    status: z.int(),
    detail: z.string().describe('What went wrong with this request.'),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]).meta({ id: 'ProblemCode' }),
    requestId: z.string().describe('Same as `X-Request-Id`. Include it when you contact the operator.'),
    errors: z
      .array(z.object({ path: z.string(), code: z.string(), message: z.string() }).meta({ id: 'FieldError' }))
      .optional()
      .describe(`The invalid fields. Lists at most ${MAX_LISTED_ERRORS} errors.`),
    errorsTruncated: z.literal(true).optional().describe('Set if there are more errors than `errors` lists.'),
  })
  .describe('RFC 9457 problem details.')
  .meta({ id: 'Problem' });

/** Returns all codes that a route can return, grouped by status, in the order of `PROBLEMS`. */
function problemsOf(doc: RouteDoc): Map<number, ProblemCode[]> {
  const codes = new Set<ProblemCode>([
    ...ALWAYS,
    ...doc.problems,
    ...(doc.auth.kind === 'key' ? WITH_KEY : []),
    // Returned to agents after their partner's plan was downgraded.
    ...(doc.auth.kind === 'key' && WRITING_SCOPES.has(doc.auth.scope) ? (['ENTERPRISE_REQUIRED'] as const) : []),
    ...('partnerOnly' in doc.auth ? (['HUMAN_REQUIRED'] as const) : []),
    ...('enterpriseOnly' in doc.auth ? (['ENTERPRISE_REQUIRED'] as const) : []),
    ...('recentLogIn' in doc.auth ? (['RECENT_LOG_IN_REQUIRED'] as const) : []),
    ...(doc.auth.kind === 'staff' ? WITH_SESSION : []),
    ...(doc.auth.kind === 'admin' ? WITH_ADMIN : []),
    ...(doc.body ? WITH_BODY : []),
    ...(doc.auth.kind === 'key' && (doc.body || 'price' in doc.auth) ? (['BATCH_EXCEEDS_LIMIT'] as const) : []),
    ...(doc.idempotencyKey ? (['IDEMPOTENCY_KEY_INVALID'] as const) : []),
    ...(doc.query || doc.params ? (['VALIDATION_FAILED'] as const) : []),
  ]);
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of Object.keys(PROBLEMS) as ProblemCode[]) {
    if (!codes.has(code)) continue;
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return byStatus;
}

/** Sets of codes shared by several routes, by component name. All other sets are documented inline. */
const SHARED: Record<string, readonly ProblemCode[]> = {
  InvalidRequest: ['INVALID_REQUEST'],
  InvalidBody: ['INVALID_JSON', 'INVALID_ENCODING', 'INVALID_REQUEST'],
  InvalidWrite: [
    'INVALID_JSON',
    'INVALID_ENCODING',
    'IDEMPOTENCY_KEY_INVALID',
    'IDEMPOTENCY_KEY_REQUIRED',
    'INVALID_REQUEST',
  ],
  InvalidBodylessWrite: ['IDEMPOTENCY_KEY_INVALID', 'INVALID_REQUEST'],
  InvalidHumanWrite: ['INVALID_JSON', 'INVALID_ENCODING', 'IDEMPOTENCY_KEY_INVALID', 'INVALID_REQUEST'],
  Unauthorized: ['API_KEY_MISSING', 'API_KEY_INVALID', 'API_KEY_EXPIRED', 'AGENT_KEY_REVOKED', 'AGENT_EXPIRED'],
  SessionInvalid: ['SESSION_INVALID'],
  SessionInvalidOrLogInFailed: ['SESSION_INVALID', 'LOG_IN_FAILED'],
  RecentLogInRequired: ['RECENT_LOG_IN_REQUIRED'],
  AdminUnauthorized: ['ADMIN_TOKEN_INVALID'],
  Forbidden: FORBIDDEN,
  ForbiddenByPlan: [...FORBIDDEN, 'ENTERPRISE_REQUIRED'],
  HumanRequired: [...FORBIDDEN, 'HUMAN_REQUIRED'],
  HumanAndPlanRequired: [...FORBIDDEN, 'HUMAN_REQUIRED', 'ENTERPRISE_REQUIRED'],
  DescendantRequired: [...FORBIDDEN, 'NOT_YOUR_DESCENDANT'],
  DescendantAndPlanRequired: [...FORBIDDEN, 'NOT_YOUR_DESCENDANT', 'ENTERPRISE_REQUIRED'],
  ForbiddenOrRecentLogInRequired: [...FORBIDDEN, 'RECENT_LOG_IN_REQUIRED'],
  HumanAndPlanWithRecentLogInRequired: [
    ...FORBIDDEN,
    'HUMAN_REQUIRED',
    'ENTERPRISE_REQUIRED',
    'RECENT_LOG_IN_REQUIRED',
  ],
  HumanWithRecentLogInRequired: [...FORBIDDEN, 'HUMAN_REQUIRED', 'RECENT_LOG_IN_REQUIRED'],
  EscalationDeniedOrRecentLogInRequired: [...FORBIDDEN, 'ESCALATION_DENIED', 'RECENT_LOG_IN_REQUIRED'],
  EscalationDenied: [...FORBIDDEN, 'ESCALATION_DENIED'],
  NotFound: ['NOT_FOUND'],
  Conflict: ['CONFLICT'],
  LastAdministrator: ['LAST_ADMINISTRATOR'],
  AgentConflict: ['AGENT_REVOKED', 'AGENT_STATE', 'CONFLICT'],
  TooManyLinkRequests: ['TOO_MANY_LINK_REQUESTS'],
  BodyTooLarge: ['BODY_TOO_LARGE'],
  UnsupportedMediaType: ['UNSUPPORTED_MEDIA_TYPE'],
  ValidationFailed: ['VALIDATION_FAILED'],
  InvalidOrTooCostly: ['VALIDATION_FAILED', 'BATCH_EXCEEDS_LIMIT'],
  InvalidWebhook: ['VALIDATION_FAILED', 'BATCH_EXCEEDS_LIMIT', 'WEBHOOK_URL_NOT_ALLOWED'],
  InvalidAgent: [
    'VALIDATION_FAILED',
    'BATCH_EXCEEDS_LIMIT',
    'PRESET_NOT_ALLOWED',
    'ALLOWLIST_REQUIRED',
    'IDEMPOTENCY_KEY_REUSED',
  ],
  RateLimited: ['RATE_LIMITED'],
  InternalError: ['INTERNAL'],
  Overloaded: ['OVERLOADED'],
  StoreUnavailable: ['STORE_UNAVAILABLE'],
  Unavailable: ['OVERLOADED', 'STORE_UNAVAILABLE'],
  LinkingUnavailable: ['OVERLOADED', 'LINKING_UNAVAILABLE', 'STORE_UNAVAILABLE'],
};
// Leaves out the code that every route with an API key has. The names of the other routes' responses differ anyway.
const keyOf = (codes: readonly ProblemCode[]): string =>
  codes
    .filter((code) => code !== 'API_KEY_AMBIGUOUS')
    .toSorted()
    .join();
const NAMES = new Map(Object.entries(SHARED).map(([name, codes]) => [keyOf(codes), name]));

function exampleOfProblem(code: ProblemCode, publicUrl: string): Json {
  const { status, title } = PROBLEMS[code];
  const errors = WITH_FIELDS[code];
  return {
    type: problemTypeOf(code, publicUrl),
    title,
    status,
    detail: `${title}.`,
    code,
    requestId: 'b8f6a0a4-6f0e-4f4c-9d3c-2a1b0c9d8e7f',
    ...(errors ? { errors } : {}),
  };
}

/**
 * Returns a response for the codes that share a status. Its schema refers to `Problem` and narrows `code` next to the
 * reference. Validators apply both, and client generators use the named type.
 */
function responseOf(
  status: number,
  codes: readonly ProblemCode[],
  headers: readonly HeaderName[],
  { refTo, schemaOf, publicUrl }: Components,
): Json {
  const examples = codes.map((code) => {
    const { title, remedy } = PROBLEMS[code];
    const example = { summary: title, description: remedy, value: exampleOfProblem(code, publicUrl) };
    return [code, refTo('examples', code, example)];
  });
  const narrowed = { properties: { code: { enum: codes }, status: { const: status } } };
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join('\n\n'),
    headers: headerRefs(headers),
    content: {
      'application/problem+json': {
        schema: { ...schemaOf(problemSchema, 'output'), ...narrowed },
        examples: Object.fromEntries(examples) as Json,
      },
    },
  };
}

/**
 * Returns a route's problem responses by status. Each response lists its codes, and each code has an example and a
 * remedy.
 */
export function problemResponses(doc: RouteDoc, components: Components): Json {
  const responses = [...problemsOf(doc)].map(([status, codes]): [string, Json] => {
    const waits = status === 429 || status === 503;
    const limited = doc.auth.kind === 'key' && status !== 401;
    const headers: HeaderName[] = [
      'RequestId',
      ...(waits ? (['RetryAfter'] as const) : []),
      ...(doc.auth.kind !== 'admin' && status === 401 ? (['WwwAuthenticate'] as const) : []),
      ...(limited ? (['RateLimit', 'RateLimitPolicy'] as const) : []),
    ];
    const response = responseOf(status, codes, headers, components);
    const name = NAMES.get(keyOf(codes));
    if (name === undefined) return [String(status), response];
    // Without an API key, there are no rate limits to report.
    const variant = limited || status === 401 ? name : `${name}WithoutKey`;
    return [String(status), components.refTo('responses', variant, response)];
  });
  return Object.fromEntries(responses);
}
