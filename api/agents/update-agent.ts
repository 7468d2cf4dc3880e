import { isDeepStrictEqual } from 'node:util';
import { wideningsBeyond } from '../../shared/domain/permissions';
import { PublicError } from '../http/public-error';
import type { AgentChange } from '../../shared/store/agents';
import { route } from '../http/route';
import { agentAccess } from './agent-access';
import { idParams } from '../http/schemas';
import { changeProblems } from './route-docs';
import { type AgentPath, requireStatus } from './agent-state';
import { changeAgent } from './change-agent';
import { requireAllowedChange } from './check-policy';
import { type PatchInput, patchInput, spawnOrChangeErrors, typeErrors } from './input-schemas';
import { requestedExpiry } from './lifetime-input';
import { agentSchema, presentAgent } from './present-agent';

const FIELDS = ['name', 'allowedEventTypes', 'rateLimitPerMinute', 'expiresAt', 'idleTimeoutSeconds', 'owner'] as const;

/**
 * Returns the patched fields whose values differ from the agent's, or null if there are none. If a limit of the lifetime
 * changes, also schedules a check of the agent and its descendants.
 */
function differences({ agent }: AgentPath, patch: PatchInput, at: Date): AgentChange | null {
  const wanted = { ...patch, expiresAt: requestedExpiry(patch, at) };
  const differing = FIELDS.filter(
    (field) => wanted[field] !== undefined && !isDeepStrictEqual(wanted[field], agent[field] ?? null),
  );
  if (differing.length === 0) return null;
  const changesLifetime = differing.includes('expiresAt') || differing.includes('idleTimeoutSeconds');
  return {
    ...Object.fromEntries(differing.map((field) => [field, wanted[field]])),
    ...(changesLifetime ? { expiryCheckAt: at, limitsChanged: true as const } : {}),
    ...(differing.includes('owner') ? { authorizer: null } : {}),
  };
}

function rejectEscalation({ ancestors, agent }: AgentPath, change: AgentChange): void {
  const after = { ...agent, ...change };
  const errors = change.allowedEventTypes ? typeErrors(after) : [];
  if (errors.length > 0)
    throw new PublicError(
      'ALLOWLIST_REQUIRED',
      'An AI agent’s allowlist needs at least one entry and cannot contain mir.* or *.',
      {
        errors,
      },
    );
  const escalated = wideningsBeyond(ancestors, agent, after);
  if (escalated.length === 0) return;
  throw new PublicError(
    'ESCALATION_DENIED',
    'The agent would exceed its ancestors’ permissions. Fix each field listed in `errors`.',
    { errors: escalated },
  );
}

/**
 * Narrowed permissions apply to all descendants immediately. Widened permissions may not exceed those of the ancestors.
 */
export const updateAgentRoute = route({
  operationId: 'updateAgent',
  method: 'PATCH',
  path: '/agents/:id',
  auth: { kind: 'key', scope: 'agents:manage', availableWithoutRedis: false, enterpriseOnly: true },
  tag: 'Agents',
  summary: 'Update an agent’s name, allowlist, limits or owner',
  description:
    'Restrictions apply to all descendants immediately. An agent cannot exceed its ancestors’ permissions, and never outlives them. An agent that has expired cannot be extended.',
  params: idParams,
  body: patchInput,
  check: spawnOrChangeErrors,
  idempotencyKey: true,
  answers: { 200: { description: 'The updated agent', schema: agentSchema } },
  problems: ['ESCALATION_DENIED', 'ALLOWLIST_REQUIRED', 'POLICY_LIMIT', ...changeProblems],
  handle: async (call) => {
    const { ctx, params, body } = call;
    const access = agentAccess(call, { write: true });
    const { agent, ancestors } = await changeAgent(ctx, access, params.id, body.reason, async (path, at, session) => {
      requireStatus(path, ['ACTIVE', 'SUSPENDED']);
      const change = differences(path, body, at);
      if (change) rejectEscalation(path, change);
      if (change) await requireAllowedChange(ctx, path, change, session);
      return { change, action: 'agent.updated' };
    });
    return { status: 200, body: presentAgent(agent, ancestors) };
  },
});
