import { type Env, envOf } from '../../shared/domain/ids';
import type { ApiContext } from '../context';
import { route } from '../http/route';

import { idParams } from '../http/schemas';
import { agentAccess, requireDescendant } from './agent-access';
import { killReportSchema, readKillReport, reportForAgent } from './kill-report';
import { presentCascade, type PresentedCascade } from './present-cascade';

/** Returns up to `limit` of the oldest open cascades across all partners, and the total number of open cascades. */
export async function readOpenCascades(
  { store }: Pick<ApiContext, 'store'>,
  limit: number,
): Promise<{ data: (PresentedCascade & { env: Env })[]; open: number }> {
  const { cascades, audit } = store;
  const [found, running, partial] = await Promise.all([
    cascades.open(limit),
    cascades.countOpen('RUNNING'),
    cascades.countOpen('PARTIAL'),
  ]);
  const data = found.map(async (cascade) => ({
    ...presentCascade(cascade, await audit.countOfCascade(cascade._id)),
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
  summary: 'Get the report of a kill',
  description:
    'Shows the progress of the kill, which receivers have acknowledged it and, once all its audit entries are sealed, a signature over the whole report. The guide shows how to verify it elsewhere.',
  params: idParams,
  answers: { 200: { description: 'The report', schema: killReportSchema, exampleFields: { status: 'CLOSED' } } },
  problems: ['NOT_FOUND', 'NOT_YOUR_DESCENDANT'],
  handle: async (call) => {
    const { ctx, params } = call;
    const access = agentAccess(call, { write: false });
    const report = await readKillReport(ctx, access.tenant, params.id);
    if (access.self === null) return { status: 200, body: report };
    requireDescendant(access, await ctx.store.agents.get(access.tenant, report.agentId));
    return { status: 200, body: reportForAgent(report) };
  },
});
