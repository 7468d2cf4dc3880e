import type { VNode } from 'preact';
import type { z } from 'zod';
import type { pendingAgentSchema } from '../../../agents/present-agent';
import { listApprovalsRoute } from '../../../agents/list-approvals';
import { listAuditRoute } from '../../../audit/list-audit';
import type { PresentedEntry } from '../../../audit/present-entry';
import { doneText } from '../../design/done-text';
import { DataTable, Empty, NextPage, Panel, RelativeTime, State } from '../../design/app-parts';
import { TYPE_WORDS } from './agent-words';
import { type Member, type MemberCall, memberPage } from '../member-page';
import { namesOf } from '../names';
import { PortalLayout } from '../portal-layout';

const PATH = '/approvals';
/** Agents on a page. */
const PAGE_SIZE = 20;
/** Latest approvals and latest rejections below the list. */
const SHOWN_DECISIONS = 5;

/** Maps values of `done` to notices, so that the page never displays text from its URL. */
const DONE: Record<string, string> = {
  rejected: 'The agent is rejected. It never had a key, and cannot be approved anymore.',
};

type PendingAgent = z.infer<typeof pendingAgentSchema>;

interface Pending {
  data: readonly PendingAgent[];
  nextCursor: string | null;
}

/** Returns a list of event types, of which a table shows only the first ones. */
function shortList(patterns: readonly string[], shown = 2): string {
  const rest = patterns.length - shown;
  return rest > 0 ? `${patterns.slice(0, shown).join(', ')} and ${rest} more` : patterns.join(', ') || 'None';
}

function PendingTable({ member: { base }, pending, names }: Omit<ApprovalsProps, 'decided' | 'done'>): VNode {
  return (
    <DataTable
      caption="Agents that await approval"
      columns={[
        { text: 'Agent' },
        { text: 'Below' },
        { text: 'Asked by' },
        { text: 'Would be allowed' },
        { text: 'Asked' },
        { text: 'Decide until' },
      ]}
      rows={pending.data.map((agent) => ({
        key: agent.approvalId,
        cells: [
          <a href={`${base}${PATH}/view?approval=${agent.approvalId}`}>
            <bdi>{agent.name}</bdi>
          </a>,
          agent.parentId === null ? (
            'Registered directly'
          ) : (
            <a href={`${base}/agents/view?agent=${agent.parentId}`}>
              <bdi>{names.get(agent.parentId) ?? agent.parentId}</bdi>
            </a>
          ),
          <bdi>{names.get(agent.createdBy ?? '') ?? 'Unknown'}</bdi>,
          <span class="stacked">
            {TYPE_WORDS[agent.type]}, {agent.preset}
            <span class="sub">{shortList(agent.allowedEventTypes)}</span>
          </span>,
          <RelativeTime at={new Date(agent.createdAt)} />,
          agent.approvalExpiresAt === null ? 'No limit' : <RelativeTime at={new Date(agent.approvalExpiresAt)} />,
        ],
      }))}
    />
  );
}

function Decided({ base, decided, names }: { base: string } & Pick<ApprovalsProps, 'decided' | 'names'>): VNode {
  return (
    <Panel title="Decided lately" flush>
      <DataTable
        caption="Decided lately"
        columns={[
          { text: 'Agent' },
          { text: 'Decision' },
          { text: 'Decided by' },
          { text: 'Reason' },
          { text: 'When' },
        ]}
        rows={decided.map(({ auditId, action, target, actor, reason, at }) => ({
          key: auditId,
          cells: [
            <a href={`${base}/agents/view?agent=${target}`}>
              <bdi>{names.get(target) ?? target}</bdi>
            </a>,
            action === 'agent.approved' ? <State kind="active">Approved</State> : <State kind="ended">Rejected</State>,
            <bdi>{actor.kind === 'MEMBER' ? actor.name : (names.get(keyOf(actor) ?? '') ?? 'An API key')}</bdi>,
            reason ?? 'None',
            <RelativeTime at={new Date(at)} />,
          ],
        }))}
      />
    </Panel>
  );
}

const keyOf = (actor: PresentedEntry['actor']): string | undefined =>
  actor.kind === 'PARTNER' ? actor.keyId : undefined;

interface ApprovalsProps {
  member: Member;
  pending: Pending;
  decided: readonly PresentedEntry[];
  names: Map<string, string>;
  done: string | undefined;
}

function Approvals({ member, pending, decided, names, done }: ApprovalsProps): VNode {
  return (
    <PortalLayout
      member={member}
      title="Approvals"
      path={PATH}
      done={doneText(DONE, done)}
      lead="Agents that get a key only after a second person has approved them."
    >
      <Panel title="Awaiting a decision" flush>
        {pending.data.length === 0 ? (
          <Empty title="Nothing to decide">
            <p>
              The <a href={`${member.base}/policy`}>policy</a> says which agents need approval. They appear here when
              they are registered or created by other agents.
            </p>
          </Empty>
        ) : (
          <PendingTable member={member} pending={pending} names={names} />
        )}
        <NextPage href={member.base + PATH} cursor={pending.nextCursor} />
      </Panel>
      {decided.length > 0 && <Decided base={member.base} decided={decided} names={names} />}
    </PortalLayout>
  );
}

async function decisionsOf({ call }: MemberCall): Promise<PresentedEntry[]> {
  const lists = await Promise.all(
    ['agent.approved', 'agent.rejected'].map((action) =>
      call<{ data: PresentedEntry[] }>(listAuditRoute, { query: { action, limit: String(SHOWN_DECISIONS) } }),
    ),
  );
  const entries = lists.flatMap(({ data }) => data);
  return entries.toSorted((a, b) => b.at.localeCompare(a.at)).slice(0, SHOWN_DECISIONS);
}

export const approvalsPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'agents:read',
  handle: async (page) => {
    const { member, call, query } = page;
    const { cursor } = query;
    const [pending, decided] = await Promise.all([
      call<Pending>(listApprovalsRoute, { query: { limit: String(PAGE_SIZE), ...(cursor && { cursor }) } }),
      cursor ? [] : decisionsOf(page),
    ]);
    const ids = [
      ...pending.data.flatMap(({ parentId, createdBy }) => [parentId, createdBy]),
      ...decided.flatMap(({ target, actor }) => [target, keyOf(actor)]),
    ];
    const names = await namesOf(page, ids);
    return {
      html: <Approvals member={member} pending={pending} decided={decided} names={names} done={query['done']} />,
    };
  },
});
