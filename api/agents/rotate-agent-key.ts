import { z } from 'zod';
import { newApiKey } from '../../shared/domain/api-key';
import { envOf, tagOf } from '../../shared/domain/ids';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { type AgentAccess, agentAccess } from './agent-access';
import { idParams } from '../http/schemas';
import { changeProblems } from './route-docs';
import { requireStatus } from './agent-state';
import type { AuthorityDeps } from '../db/change-authority';
import { changeAgent } from './change-agent';
import { reasonInput } from './input-schemas';

/**
 * Replaces an agent's key and returns the new one. When this resolves, every process rejects the old key. If several
 * rotations run concurrently, only the key returned by the last one to commit is valid.
 */
export async function rotateAgentKey(
  deps: AuthorityDeps,
  access: AgentAccess,
  agentId: string,
  reason?: string,
): Promise<string> {
  let apiKey = '';
  await changeAgent(deps, access, agentId, reason, (path, at) => {
    requireStatus(path, ['ACTIVE', 'SUSPENDED']);
    const { key, hash, prefix } = newApiKey(envOf(access.tenant), tagOf(access.partnerId), true);
    apiKey = key;
    return { change: { key: { hash, prefix, createdAt: at } }, action: 'agent.key.rotated' };
  });
  return apiKey;
}

export const rotateAgentKeyRoute = route({
  operationId: 'rotateAgentKey',
  method: 'POST',
  path: '/agents/:id/key/rotate',
  auth: { kind: 'key', scope: 'agents:manage', availableWithoutRedis: false, enterpriseOnly: true },
  tag: 'Agents',
  summary: 'Replace an agent’s key',
  params: idParams,
  query: noQuery,
  body: reasonInput,
  bodyOptional: true,
  idempotencyKey: true,
  answers: {
    200: {
      description: 'The new key, which is shown only once. The old key no longer works.',
      schema: z.object({ agentId: z.string(), apiKey: z.string() }).meta({ id: 'RotatedAgentKey' }),
    },
  },
  problems: changeProblems,
  handle: async (call) => {
    const { ctx, params, body } = call;
    const access = agentAccess(call, { write: true });
    const apiKey = await rotateAgentKey(ctx, access, params.id, body.reason);
    return { status: 200, body: { agentId: params.id, apiKey } };
  },
});
