import type { VNode } from 'preact';
import type { Env } from '../../../../shared/domain/ids';
import type { TreeNode } from '../../../agents/walk-tree';
import { DataTable, RelativeTime } from '../../design/app-parts';
import { AgentState } from '../../portal/agents/agent-parts';
import { agentPath } from '../paths';

export const ENVIRONMENT_NAMES: Record<Env, string> = { live: 'Live', test: 'Test' };

/** Agents, each with a link to its page. */
export function AgentTable({
  caption,
  agents,
}: {
  caption: string;
  agents: readonly Pick<TreeNode, 'agentId' | 'name' | 'status' | 'lastActivityAt' | 'createdAt'>[];
}): VNode {
  return (
    <DataTable
      caption={caption}
      columns={[{ text: 'Agent' }, { text: 'Status' }, { text: 'Last active' }, { text: 'Created' }]}
      rows={agents.map(({ agentId, name, status, lastActivityAt, createdAt }) => ({
        key: agentId,
        cells: [
          <a href={agentPath(agentId)}>
            <bdi>{name}</bdi>
          </a>,
          <AgentState status={status} />,
          lastActivityAt === null ? 'Never' : <RelativeTime at={new Date(lastActivityAt)} />,
          <RelativeTime at={new Date(createdAt)} />,
        ],
      }))}
    />
  );
}
