import { z } from 'zod';
import { findAnyAgent } from '../agents/any-agent';
import { killSubtree } from '../agents/kill-subtree';
import { killPreviewSchema, previewKill } from '../agents/preview-kill';
import { killSchema } from '../agents/revoke-descendants';
import { route } from '../http/route';
import { idParams, reasonSchema } from '../http/schemas';

/** The kill switch of operators. */
export const killAnySubtreeRoute = route({
  operationId: 'killAnySubtree',
  method: 'POST',
  path: '/admin/agents/:id/revoke-descendants',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Permanently revoke an agent of any partner and all its descendants (kill switch)',
  description:
    'From `effectiveAt`, every process rejects the agent and all its descendants. A retry returns the existing kill. `mir agents cascade` shows the progress.',
  params: idParams,
  body: z
    .strictObject({
      reason: reasonSchema,
      dryRun: z
        .boolean()
        .default(false)
        .describe('If true, counts the agents that would be revoked but does not revoke them.'),
    })
    .meta({ id: 'OperatorKillRequest' }),
  answers: {
    200: { description: 'With `dryRun`, the agents that would be revoked', schema: killPreviewSchema },
    202: { description: 'The kill, which is in effect', schema: killSchema },
  },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'NOT_FOUND', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params, body: { reason, dryRun }, requestId, operator }) => {
    const agent = await findAnyAgent({ store: ctx.store.urgent }, params.id);
    const { tenant, _id: agentId, rootId } = agent;
    if (dryRun) {
      return { status: 200, body: await ctx.longWork.run('operator', () => previewKill(ctx, agent)) };
    }
    const kill = await killSubtree(ctx, { tenant, agentId, rootId, actor: operator, reason, requestId });
    const { _id: cascadeId, status, effectiveAt, alreadyRevoked } = kill;
    return { status: 202, body: { cascadeId, status, effectiveAt: effectiveAt.toISOString(), alreadyRevoked } };
  },
});
