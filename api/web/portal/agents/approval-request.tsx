import type { VNode } from 'preact';
import { tenantOf } from '../../../../shared/domain/ids';
import { ROLE_SCOPES } from '../../../../shared/domain/roles';
import { getAgentRoute } from '../../../agents/get-agent';
import { getLineageRoute } from '../../../agents/get-lineage';
import type { PresentedAgent } from '../../../agents/present-agent';
import type { TreeNode } from '../../../agents/walk-tree';
import { PublicError } from '../../../http/public-error';
import type { PresentedMember } from '../../../members/member-schemas';
import { countText } from '../../design/count-text';
import { Panel, RelativeTime } from '../../design/app-parts';
import { Facts } from '../../design/text';
import { AgentState } from '../../agents/agent-table';
import { presetText, TYPE_WORDS } from './agent-words';
import { durationText } from '../duration';
import type { Member, MemberCall } from '../member-page';
import { membersOf, namesOf } from '../names';

/** An agent that awaits approval, or did. */
export interface Approval {
  approvalId: string;
  approvalExpiresAt: Date | null;
  agent: PresentedAgent;
  /** The agents above it, root first. */
  above: readonly TreeNode[];
  askedBy: string;
  /** The member asked for the agent, so another person must approve it. */
  isOwnRequest: boolean;
  /** Other members who can approve it. */
  approvers: readonly PresentedMember[];
}

/** Reads what members need to decide. Throws 404 if the approval does not exist in the environment. */
export async function approvalOf(page: MemberCall, approvalId: string): Promise<Approval> {
  const { ctx, member, staff, call } = page;
  const doc = await ctx.store.agents.byApproval(tenantOf(member.partnerId, member.env), approvalId);
  if (!doc) throw new PublicError('NOT_FOUND', 'Approval not found. Check the address and the environment.');
  const params = { id: doc._id };
  const [agent, lineage, members, names] = await Promise.all([
    call<PresentedAgent>(getAgentRoute, { params }),
    call<{ ancestry: TreeNode[] }>(getLineageRoute, { params, query: { limit: '1' } }),
    membersOf(page),
    namesOf(page, [doc.createdBy]),
  ]);
  const { createdBy, requestedBy = [createdBy], approvalExpiresAt = null } = doc;
  return {
    approvalId,
    approvalExpiresAt,
    agent,
    above: lineage.ancestry.slice(0, -1),
    askedBy: names.get(createdBy ?? '') ?? 'Unknown',
    isOwnRequest: requestedBy.some((id) => id === member.memberId || id === staff.staffId),
    approvers: members.filter(
      ({ memberId, role }) => memberId !== member.memberId && ROLE_SCOPES[role].includes('agents:approve'),
    ),
  };
}

/** Who asks for what. */
export function RequestFacts({ member: { base }, approval }: { member: Member; approval: Approval }): VNode {
  const { agent, above, askedBy, approvalExpiresAt } = approval;
  const { effectiveExpiresAt, effectiveIdleTimeoutSeconds, rateLimitPerMinute } = agent;
  return (
    <>
      <Panel title="The request">
        <Facts
          facts={[
            ['Status', <AgentState status={agent.status} />],
            ['Asked by', <bdi>{askedBy}</bdi>],
            ['Asked', <RelativeTime at={new Date(agent.createdAt)} />],
            ['Decide until', approvalExpiresAt === null ? 'No limit' : <RelativeTime at={approvalExpiresAt} />],
            [
              'Would be below',
              above.length === 0
                ? 'No agent: it is registered directly'
                : above.map(({ agentId, name }, index) => (
                    <>
                      {index > 0 && ' › '}
                      <a href={`${base}/agents/view?agent=${agentId}`}>
                        <bdi>{name}</bdi>
                      </a>
                    </>
                  )),
            ],
            ['Owner', agent.owner === null ? 'None' : <bdi>{`${agent.owner.name}, ${agent.owner.email}`}</bdi>],
          ]}
        />
      </Panel>
      <Panel title="What it would be allowed to do">
        <Facts
          facts={[
            ['Type', TYPE_WORDS[agent.type]],
            ['Preset', agent.preset],
            ['May', presetText(agent.preset)],
            ['Event types', agent.allowedEventTypes.join(', ') || 'None'],
            [
              'Requests and events',
              rateLimitPerMinute === null ? 'No limit of its own' : `${countText(rateLimitPerMinute)} per minute`,
            ],
            ['Expires', effectiveExpiresAt === null ? 'Never' : <RelativeTime at={new Date(effectiveExpiresAt)} />],
            [
              'If idle',
              effectiveIdleTimeoutSeconds === null
                ? 'Does not expire'
                : `Expires after ${durationText(effectiveIdleTimeoutSeconds)}`,
            ],
          ]}
        />
      </Panel>
    </>
  );
}
