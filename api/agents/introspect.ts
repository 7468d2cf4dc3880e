import { z } from 'zod';
import type { ActiveKey } from '../../shared/authz/check-key';
import type { Credential } from '../../shared/authz/credential';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import { type Tenant, tenantOf } from '../../shared/domain/ids';
import { effectiveAllowlist } from '../../shared/domain/permissions';
import type { Scope } from '../../shared/domain/scopes';
import { MirError } from '../../shared/errors';
import type { ApiContext } from '../context';
import { PublicError } from '../http/public-error';
import { parsePresentedKey } from '../http/read-api-key';
import { type Caller, route, WRITING_SCOPES } from '../http/route';

/** Longer than any hint that RFC 7009 registers. */
const MAX_HINT_LENGTH = 100;

const input = z
  .strictObject({
    token: z
      .string()
      .describe('The key that was presented to your service.')
      .meta({ examples: ['mir_live_agent_k7m2q9x4w3zn_<secret>'] }),
    token_type_hint: z
      .string()
      .max(MAX_HINT_LENGTH)
      .optional()
      .describe('Accepted because RFC 7662 allows it, and ignored.')
      .meta({ examples: ['access_token'] }),
  })
  .meta({ id: 'IntrospectionRequest' });

const inactiveSchema = z.object({ active: z.literal(false) }).meta({ id: 'InactiveToken' });

const activeSchema = z
  .object({
    active: z.literal(true),
    scope: z
      .string()
      .describe('The scopes that the agent can use now, separated by spaces.')
      .meta({ examples: ['events:write events:read resolve:read'] }),
    client_id: z
      .string()
      .describe('Same as `agentId`.')
      .meta({ examples: ['agt_live_3f2a1b0c9d8e4f7a6b5c4d3e2f1a0b9c'] }),
    agentId: z.string(),
    rootId: z.string(),
    path: z
      .array(z.string())
      .describe('IDs of the agents from the root to this agent.')
      .meta({ examples: [['agt_live_3f2a1b0c9d8e4f7a6b5c4d3e2f1a0b9c']] }),
    allowedEventTypes: z.array(z.string()).describe('Event types that the allowlists of all agents on the path allow.'),
    exp: z
      .int()
      .optional()
      .describe('When the agent expires, in seconds since 1970. Absent if it does not expire.')
      .meta({ examples: [1_769_850_000] }),
  })
  .meta({ id: 'ActiveToken' });
type ActiveToken = z.output<typeof activeSchema>;

/**
 * Responses without `exp`, by the credential that they were built from. The authorizer returns the same credential as
 * long as its cached rows do not change.
 */
const presented = new WeakMap<Credential, ActiveToken>();

function present({ credential, path, scopes, expiresAtMs }: ActiveKey): ActiveToken {
  let token = presented.get(credential);
  if (!token) {
    const { agentId } = credential.agent!;
    const [, ...agents] = path;
    const usable =
      credential.plan === 'ENTERPRISE' ? scopes : scopes.filter((one) => !WRITING_SCOPES.has(one as Scope));
    token = {
      active: true,
      scope: usable.join(' '),
      client_id: agentId,
      agentId,
      rootId: agents[0]!,
      path: agents,
      allowedEventTypes: effectiveAllowlist(credential.allowlists.map((allowedEventTypes) => ({ allowedEventTypes }))),
    };
    presented.set(credential, token);
  }
  return expiresAtMs === null ? token : { ...token, exp: Math.floor(expiresAtMs / 1_000) };
}

/**
 * Returns the key of a token if it can be that of an agent of this tenant, otherwise null. Only the text decides, so the
 * time that this takes reveals nothing about other partners' keys.
 */
function agentKeyOf(token: string, tenant: Tenant): PresentedKey | null {
  const key = parsePresentedKey(token);
  if (!key?.agent || tenantOf(key.partnerId, key.env) !== tenant) return null;
  // Unknown tokens are counted by the tenant whose services they were presented to, not by the address of these
  // services, where they could keep the partner's own keys from being looked up.
  return { ...key, address: () => `introspection ${tenant}` };
}

/** Returns the key in an unvalidated body. */
function keyIn(body: unknown, tenant: Tenant): PresentedKey | null {
  const { token } = (body ?? {}) as { token?: unknown };
  return typeof token === 'string' ? agentKeyOf(token, tenant) : null;
}

/** Checks a key as requests with it would be. While Redis is down, reads MongoDB, as the requests that read do. */
async function check(
  { authorizer }: Pick<ApiContext, 'authorizer'>,
  { admission }: Caller,
  key: PresentedKey,
): Promise<ActiveKey | null> {
  try {
    return await admission.checkKey(key).catch((error: unknown) => {
      // If the caller was authorized with MongoDB, the key was checked with it, too.
      const isRedisDown = error instanceof MirError && error.code === 'OVERLOADED' && admission.nowMs !== null;
      if (isRedisDown) return authorizer.checkKeyFromStore(key);
      throw error;
    });
  } catch (error) {
    if (!(error instanceof MirError) || error.code !== 'RATE_LIMITED') throw error;
    throw new PublicError(
      'RATE_LIMITED',
      'Your services presented too many unknown tokens. Tokens that this server knows are still checked. Retry after the number of seconds in Retry-After.',
      { retryAfterSeconds: error.more.retryAfterSeconds ?? 1 },
    );
  }
}

export const introspectRoute = route({
  operationId: 'introspectToken',
  method: 'POST',
  path: '/introspect',
  v1Only: true,
  auth: {
    kind: 'key',
    scope: 'agents:introspect',
    availableWithoutRedis: true,
    budget: 'introspections',
    containedKey: keyIn,
  },
  tag: 'Agents',
  summary: 'Check whether an agent’s key is active',
  description:
    'Lets your own services accept agents’ keys (RFC 7662). Returns `{ "active": false }` for everything but a key of one of your agents in the same environment with which requests would be accepted now. ' +
    'After a kill, suspension or revocation has returned, no response to a later request says that one of the affected keys is active. To keep this guarantee, do not cache responses. ' +
    'Draws on a budget of its own, which is as large as your requests budget.',
  query: z.strictObject({
    rejectInactive: z
      .literal('true')
      .optional()
      .describe('Returns 403 `TOKEN_INACTIVE` if the token is not active, for proxies that only look at the status.'),
  }),
  body: input,
  acceptsForm: true,
  answers: {
    200: {
      description: 'Whether the token is active',
      schema: z.union([activeSchema, inactiveSchema]),
      headers: ['CacheControl'],
      examples: {
        Active: {
          active: true,
          scope: 'events:write events:read resolve:read',
          client_id: 'agt_live_3f2a1b0c9d8e4f7a6b5c4d3e2f1a0b9c',
          agentId: 'agt_live_3f2a1b0c9d8e4f7a6b5c4d3e2f1a0b9c',
          rootId: 'agt_live_3f2a1b0c9d8e4f7a6b5c4d3e2f1a0b9c',
          path: ['agt_live_3f2a1b0c9d8e4f7a6b5c4d3e2f1a0b9c'],
          allowedEventTypes: ['mir.transaction.*'],
        },
        Inactive: { active: false },
      },
    },
  },
  problems: ['TOKEN_INACTIVE'],
  handle: async ({ ctx, caller, body, query }) => {
    const key = agentKeyOf(body.token, caller.tenant);
    const found = key && (await check(ctx, caller, key));
    const headers = { 'Cache-Control': 'no-store' };
    if (found) return { status: 200, headers, body: present(found) };
    if (query.rejectInactive) {
      throw new PublicError(
        'TOKEN_INACTIVE',
        'No request with this token would be accepted. Reject the request that presented it.',
        { headers },
      );
    }
    return { status: 200, headers, body: { active: false } };
  },
});
