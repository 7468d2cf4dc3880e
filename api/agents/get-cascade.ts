import { z } from 'zod';
import { type Env, envOf, type PartnerId, partnerOf, type Tenant } from '../../shared/domain/ids';
import { PublicError } from '../http/public-error';
import type { CascadeDoc } from '../../shared/store/cascades';
import type { ApiContext } from '../context';
import { route } from '../http/route';

import { idParams } from '../http/schemas';
import { agentAccess, requireDescendant } from './agent-access';
import { cascadeStatusSchema } from './enum-schemas';

const time = z.iso.datetime();

const cascadeSchema = z
  .object({
    cascadeId: z.string(),
    agentId: z.string(),
    status: cascadeStatusSchema.describe(
      'CLOSED: all keys are deleted, and all revocations are audited. PARTIAL: some agents could not be revoked yet, and MIR keeps retrying.',
    ),
    affected: z.int().nullable().describe('Number of agents to revoke. Null until counted.'),
    revoked: z.int(),
    audited: z.int(),
    parked: z.int().describe('Number of agents whose keys could not be deleted yet. MIR already rejects those keys.'),
    effectiveAt: time.nullable().describe('When the kill took effect. Null until confirmed.'),
    createdAt: time,
    closedAt: time.nullable(),
  })
  .meta({ id: 'Cascade' });
export type PresentedCascade = z.output<typeof cascadeSchema>;

/** `audited` is the number of audit entries that the cascade has written. */
function presentCascade(cascade: CascadeDoc, audited: number): PresentedCascade {
  const { _id, agentId, status, affected, revoked, parkedCount, effectiveAt, createdAt, closedAt } = cascade;
  return {
    cascadeId: _id,
    agentId,
    status,
    affected,
    // The cascade's own counter can lag behind. The audit count does not, because each revocation commits together with
    // its audit entry.
    revoked: Math.max(revoked, audited),
    audited,
    parked: parkedCount,
    effectiveAt: effectiveAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    closedAt: closedAt?.toISOString() ?? null,
  };
}

/** Returns a cascade. Throws 404 if it does not exist or belongs to another tenant. */
export async function readCascade(
  { store }: Pick<ApiContext, 'store'>,
  tenant: Tenant,
  cascadeId: string,
): Promise<PresentedCascade> {
  const cascade = await store.cascades.get(tenant, cascadeId);
  if (!cascade) throw new PublicError('NOT_FOUND', 'Cascade not found. Check the ID and the environment.');
  return presentCascade(cascade, await store.audit.countOfCascade(cascadeId));
}

/** Returns up to `limit` of the oldest open cascades across all partners, and the total number of open cascades. */
export async function readOpenCascades(
  { store }: Pick<ApiContext, 'store'>,
  limit: number,
): Promise<{ data: (PresentedCascade & { partnerId: PartnerId; env: Env })[]; open: number }> {
  const { cascades, audit } = store;
  const [found, running, partial] = await Promise.all([
    cascades.open(limit),
    cascades.countOpen('RUNNING'),
    cascades.countOpen('PARTIAL'),
  ]);
  const data = found.map(async (cascade) => ({
    ...presentCascade(cascade, await audit.countOfCascade(cascade._id)),
    partnerId: partnerOf(cascade.tenant),
    env: envOf(cascade.tenant),
  }));
  return { data: await Promise.all(data), open: running + partial };
}

export const getCascadeRoute = route({
  operationId: 'getCascade',
  method: 'GET',
  path: '/cascades/:id',
  // Not documented, because `/agents/cascades/{id}` and `/agents/{id}/lineage` are ambiguous to OpenAPI tools.
  aliases: ['/agents/cascades/:id'],
  auth: { kind: 'key', scope: 'agents:manage', memberScope: 'agents:read', availableWithoutRedis: true },
  tag: 'Agents',
  summary: 'Get the progress of a kill',
  params: idParams,
  answers: { 200: { description: 'The cascade', schema: cascadeSchema, exampleFields: { status: 'CLOSED' } } },
  problems: ['NOT_FOUND', 'NOT_YOUR_DESCENDANT'],
  handle: async (call) => {
    const { ctx, params } = call;
    const access = agentAccess(call, { write: false });
    const cascade = await readCascade(ctx, access.tenant, params.id);
    if (access.self !== null) requireDescendant(access, await ctx.store.agents.get(access.tenant, cascade.agentId));
    return { status: 200, body: cascade };
  },
});
