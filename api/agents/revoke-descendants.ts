import { z } from 'zod';
import { ownerOf } from '../../shared/concurrency/long-work';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';

import { idParams, reasonSchema } from '../http/schemas';
import { agentAccess, requireDescendant } from './agent-access';
import { cascadeStatusSchema } from './enum-schemas';
import { killSubtree } from './kill-subtree';
import { killPreviewSchema, previewKill } from './preview-kill';

/** The kill switch. Works on every plan, because a downgrade must not keep agents alive. */
export const revokeDescendantsRoute = route({
  operationId: 'revokeDescendants',
  method: 'POST',
  path: '/agents/:id/revoke-descendants',
  auth: { kind: 'key', scope: 'agents:manage', availableWithoutRedis: true, budget: 'control' },
  tag: 'Agents',
  summary: 'Kill an agent and everything below it',
  description:
    'Every process rejects the agent and everything below it from `effectiveAt` on, whatever the size of the tree; then each key is deleted and audited, and `GET /v1/agents/cascades/{id}` tells how far that is. Works on an agent that is revoked already. A repetition answers the kill that stands. A 503 `OVERLOADED` names a kill that is recorded and not confirmed yet',
  params: idParams,
  query: noQuery,
  body: z
    .strictObject({
      reason: reasonSchema.optional(),
      dryRun: z.boolean().default(false).describe('Only count what would be affected.'),
    })
    .meta({ id: 'KillRequest' }),
  bodyOptional: true,
  answers: {
    200: { description: 'With `dryRun`: what would be affected; nothing was changed', schema: killPreviewSchema },
    202: {
      description: 'In force',
      headers: ['Location'],
      schema: z
        .object({
          cascadeId: z.string(),
          status: cascadeStatusSchema,
          effectiveAt: z.iso.datetime(),
        })
        .meta({ id: 'Kill' }),
    },
  },
  problems: ['NOT_FOUND', 'NOT_YOUR_DESCENDANT', 'IDEMPOTENCY_KEY_REQUIRED', 'IDEMPOTENCY_KEY_INVALID'],
  handle: async (call) => {
    const { ctx, params, body, requestId } = call;
    const access = agentAccess(call, { plan: 'ANY', write: !body.dryRun });
    const { tenant, auditContext } = access;
    const agent = requireDescendant(access, await ctx.store.agents.get(tenant, params.id));
    if (body.dryRun) {
      return { status: 200, body: await ctx.longWork.run(ownerOf(tenant, access.self), () => previewKill(ctx, agent)) };
    }
    const { _id: agentId, rootId } = agent;
    const order = { tenant, agentId, rootId, actor: auditContext.actor, reason: body.reason ?? null, requestId };
    const { _id: cascadeId, status, effectiveAt } = await killSubtree(ctx, order);
    return {
      status: 202,
      body: { cascadeId, status, effectiveAt: effectiveAt.toISOString() },
      headers: { Location: `/v1/agents/cascades/${cascadeId}` },
    };
  },
});
