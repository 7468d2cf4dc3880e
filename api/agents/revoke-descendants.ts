import { z } from 'zod';
import { ownerOf } from '../../shared/concurrency/long-work';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';

import { idParams, reasonSchema } from '../http/schemas';
import { agentAccess, requireDescendant } from './agent-access';
import { cascadeStatusSchema } from './enum-schemas';
import { killSubtree } from './kill-subtree';
import { killPreviewSchema, previewKill } from './preview-kill';

/** A kill that is in effect. */
export const killSchema = z
  .object({
    cascadeId: z.string(),
    status: cascadeStatusSchema,
    effectiveAt: z.iso.datetime(),
    alreadyRevoked: z.boolean().describe('Whether an earlier request ordered this kill.'),
  })
  .meta({ id: 'Kill' });

/** The kill switch. Works on every plan: a downgraded partner must still be able to revoke its agents. */
export const revokeDescendantsRoute = route({
  operationId: 'revokeDescendants',
  method: 'POST',
  path: '/agents/:id/revoke-descendants',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    availableWithoutRedis: true,
    budget: 'control',
    price: { asRead: true },
  },
  tag: 'Agents',
  summary: 'Permanently revoke an agent and all its descendants (kill switch)',
  description:
    'From `effectiveAt`, every process rejects the agent and all its descendants, regardless of the size of the tree. MIR then deletes each key and audits each revocation; `GET /v1/cascades/{id}` shows the progress. Also works on revoked agents. Repeating it returns the first kill with `alreadyRevoked: true`, and records the new reason in the audit log. If the detail of a 503 `OVERLOADED` includes a cascade ID, the kill is recorded but not confirmed yet.',
  params: idParams,
  query: noQuery,
  body: z
    .strictObject({
      reason: reasonSchema.optional(),
      dryRun: z
        .boolean()
        .default(false)
        .describe('If true, counts the agents that would be revoked but does not revoke them.'),
    })
    .meta({ id: 'KillRequest' }),
  bodyOptional: true,
  idempotencyKey: true,
  answers: {
    200: { description: 'With `dryRun`, the number of agents that would be revoked', schema: killPreviewSchema },
    202: {
      description: 'The kill, which is in effect',
      headers: ['Location'],
      schema: killSchema,
    },
  },
  problems: ['NOT_FOUND', 'NOT_YOUR_DESCENDANT', 'IDEMPOTENCY_KEY_REQUIRED'],
  handle: async (call) => {
    const { ctx, params, body, requestId } = call;
    const access = agentAccess(call, { write: !body.dryRun });
    const { tenant, auditContext } = access;
    const agent = requireDescendant(access, await ctx.store.urgent.agents.get(tenant, params.id));
    if (body.dryRun) {
      const preview = () => previewKill(ctx, agent, { charge: call.caller.charge });
      return { status: 200, body: await ctx.longWork.run(ownerOf(tenant, access.self), preview) };
    }
    const { _id: agentId, rootId } = agent;
    const order = { tenant, agentId, rootId, actor: auditContext.actor, reason: body.reason ?? null, requestId };
    const { _id: cascadeId, status, effectiveAt, alreadyRevoked } = await killSubtree(ctx, order);
    return {
      status: 202,
      body: { cascadeId, status, effectiveAt: effectiveAt.toISOString(), alreadyRevoked },
      headers: { Location: `/v1/cascades/${cascadeId}` },
    };
  },
});
