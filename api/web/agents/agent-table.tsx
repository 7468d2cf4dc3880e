import type { VNode } from 'preact';
import type { AgentStatus } from '../../../shared/domain/agent';
import type { TreeNode } from '../../agents/walk-tree';
import { DataTable, RelativeTime, State } from '../design/app-parts';

type StateKind = Parameters<typeof State>[0]['kind'];

const STATES: Record<AgentStatus, { kind: StateKind; text: string }> = {
  ACTIVE: { kind: 'active', text: 'Active' },
  SUSPENDED: { kind: 'suspended', text: 'Suspended' },
  PENDING_APPROVAL: { kind: 'pending', text: 'Pending' },
  REVOKED: { kind: 'ended', text: 'Revoked' },
  REJECTED: { kind: 'ended', text: 'Rejected' },
  EXPIRED: { kind: 'ended', text: 'Expired' },
};

/** Returns the word for a status. */
export function statusText(status: AgentStatus): string {
  return STATES[status].text;
}

/** An agent's effective status. */
export function AgentState({ status }: { status: AgentStatus }): VNode {
  const { kind, text } = STATES[status];
  return <State kind={kind}>{text}</State>;
}

/** Agents, each with a link to its page. */
export function AgentTable({
  caption,
  agents,
  hrefOf,
}: {
  caption: string;
  agents: readonly Pick<TreeNode, 'agentId' | 'name' | 'status' | 'lastActivityAt' | 'createdAt'>[];
  hrefOf: (agentId: string) => string;
}): VNode {
  return (
    <DataTable
      caption={caption}
      columns={[{ text: 'Agent' }, { text: 'Status' }, { text: 'Last active' }, { text: 'Created' }]}
      rows={agents.map(({ agentId, name, status, lastActivityAt, createdAt }) => ({
        key: agentId,
        cells: [
          <a href={hrefOf(agentId)}>
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
