import { envOf, partnerOf } from '../../shared/domain/ids';
import type { KillPreview } from '../../api/agents/preview-kill';
import { readPartner } from '../../api/partners/get-partner';
import type { AgentDoc } from '../../shared/store/agents';
import type { CliContext } from './open';
import { sheet, table } from './print';

/** Returns an agent's name and to whom it belongs. */
export async function ownerOf(ctx: CliContext, agent: AgentDoc) {
  const { _id, name } = await readPartner(ctx, partnerOf(agent.tenant));
  return { agentId: agent._id, name: agent.name, partnerId: _id, partner: name, env: envOf(agent.tenant) };
}

/** Formats what an operation on an agent and its descendants affects, and what it does not. */
export function subtreeText(
  { affected, byStatus, activeLastHour, first, deepest, ...owner }: KillPreview & Awaited<ReturnType<typeof ownerOf>>,
  title: string,
  unaffected: string,
): string {
  const { agentId, name, partnerId, partner, env } = owner;
  const facts = { agent: agentId, name, partner: `${partner} (${partnerId})`, environment: env };
  const counts = {
    [title]: affected,
    ...byStatus,
    'active in the last hour': activeLastHour,
    'maximum depth': deepest,
  };
  const rows = first.map((node) => [node.agentId, node.name, node.status, node.depth, node.lastActivityAt]);
  const more = affected - first.length;
  return [
    sheet({ ...facts, ...counts }),
    ...(rows.length > 0 ? [table(['agent', 'name', 'status', 'depth', 'last active'], rows)] : []),
    ...(more > 0 ? [`and ${more} more; \`mir agents tree ${agentId}\` lists them`] : []),
    unaffected,
  ].join('\n');
}
