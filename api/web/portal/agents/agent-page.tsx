import type { VNode } from 'preact';
import { type AgentStatus, PRESET_SCOPES } from '../../../../shared/domain/agent';
import { type ApiKeyScope, KEY_SCOPE_MEANINGS } from '../../../../shared/domain/scopes';
import { MirError } from '../../../../shared/errors';
import { getAgentRoute } from '../../../agents/get-agent';
import { getLineageRoute } from '../../../agents/get-lineage';
import { listAgentsRoute } from '../../../agents/list-agents';
import type { PresentedAgent } from '../../../agents/present-agent';
import type { TreeNode } from '../../../agents/walk-tree';
import { listAuditRoute } from '../../../audit/list-audit';
import type { PresentedEntry } from '../../../audit/present-entry';
import { listEventsRoute } from '../../../events/list-events';
import { countText } from '../../design/count-text';
import { doneText } from '../../design/done-text';
import { Empty, Panel, RelativeTime, Split } from '../../design/app-parts';
import { Actions, ButtonLink } from '../../design/form';
import { Facts } from '../../design/text';
import { AgentChanges, AgentEvents, type Newest, type PresentedEvent } from './agent-history';
import { AgentState } from '../../agents/agent-table';
import { agentHref, type AgentPage, AgentTree, rowsHref } from './agent-tree';
import { TYPE_WORDS } from './agent-words';
import { durationText } from '../duration';
import { type Member, type MemberCall, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/agents';
/** Fewer than a level of the tree shows, so that what follows them stays in view. The link after them loads more. */
const CHILDREN_PER_PAGE = 20;
const MAX_ENTRIES = 10;
const MAX_EVENTS = 10;

/** What agents may do with the scopes that only they have. */
const OWN_SCOPES: Partial<Record<ApiKeyScope, string>> = {
  'agents:spawn': 'Create agents below it',
  'agents:manage': 'Change and stop agents below it',
};

const DONE: Record<string, string> = {
  changed: 'The change is in force, also for the agents below.',
  suspended: 'The agent is suspended. Requests with its key are rejected.',
  reactivated: 'The suspension is lifted.',
};

/** Statuses in which an agent can be changed. */
const CHANGEABLE: ReadonlySet<AgentStatus> = new Set<AgentStatus>(['ACTIVE', 'SUSPENDED']);

interface Shown {
  agent: PresentedAgent;
  ancestry: readonly TreeNode[];
  children: AgentPage;
  entries: Newest<PresentedEntry>;
  events: Newest<PresentedEvent>;
}

/** Returns null if the requests budget is used up, so that the rest of the page still appears. */
async function unlessUsedUp<Body>(reading: Promise<Body>): Promise<Body | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof MirError && error.code === 'RATE_LIMITED') return null;
    throw error;
  }
}

async function read({ call, query }: MemberCall): Promise<Shown> {
  const id = query['agent'] ?? '';
  const { cursor } = query;
  const [agent, lineage, children, entries, events] = await Promise.all([
    call<PresentedAgent>(getAgentRoute, { params: { id } }),
    call<{ ancestry: TreeNode[] }>(getLineageRoute, { params: { id }, query: { limit: '1' } }),
    call<AgentPage>(listAgentsRoute, {
      query: { parentId: id, limit: String(CHILDREN_PER_PAGE), ...(cursor && { cursor }) },
    }),
    unlessUsedUp(
      call<NonNullable<Shown['entries']>>(listAuditRoute, { query: { target: id, limit: String(MAX_ENTRIES) } }),
    ),
    unlessUsedUp(
      call<NonNullable<Shown['events']>>(listEventsRoute, { query: { agentId: id, limit: String(MAX_EVENTS) } }),
    ),
  ]);
  return { agent, ancestry: lineage.ancestry, children, entries, events };
}

function Ancestors({ base, ancestry }: { base: string; ancestry: readonly TreeNode[] }): VNode | null {
  const above = ancestry.slice(0, -1);
  if (above.length === 0) return null;
  return (
    <nav class="path" aria-label="Agents above">
      <ol>
        {above.map(({ agentId, name, status }) => (
          <li key={agentId}>
            <a href={agentHref(base, agentId)}>
              <bdi>{name}</bdi>
            </a>
            {status !== 'ACTIVE' && <AgentState status={status} />}
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** Says when an agent expires, and whether an agent above it sets the limit. */
function Expiry({ agent: { expiresAt, effectiveExpiresAt } }: { agent: PresentedAgent }): VNode {
  if (effectiveExpiresAt === null) return <>Never</>;
  return (
    <>
      <RelativeTime at={new Date(effectiveExpiresAt)} />
      {effectiveExpiresAt !== expiresAt && <span class="secondary"> · set by an agent above</span>}
    </>
  );
}

function IdleTimeout({ agent }: { agent: PresentedAgent }): VNode {
  const { idleTimeoutSeconds: own, effectiveIdleTimeoutSeconds: seconds } = agent;
  if (seconds === null) return <>None</>;
  return (
    <>
      After {durationText(seconds)} without a request
      {seconds !== own && <span class="secondary"> · set by an agent above</span>}
    </>
  );
}

function Owner({ owner }: Pick<PresentedAgent, 'owner'>): VNode {
  if (owner === null) return <>None</>;
  return (
    <>
      <bdi>{owner.name}</bdi>, <a href={`mailto:${owner.email}`}>{owner.email}</a>
    </>
  );
}

function meaningOf(scope: ApiKeyScope): string {
  return OWN_SCOPES[scope] ?? (KEY_SCOPE_MEANINGS as Partial<Record<ApiKeyScope, string>>)[scope] ?? scope;
}

function Rights({ agent }: { agent: PresentedAgent }): VNode {
  const { preset, allowedEventTypes, rateLimitPerMinute, type } = agent;
  return (
    <Panel title="What it may do">
      <ul class="plain">
        {PRESET_SCOPES[preset].map((scope) => (
          <li key={scope}>
            {meaningOf(scope)} <code>{scope}</code>
          </li>
        ))}
      </ul>
      <Facts
        facts={[
          ['Type', TYPE_WORDS[type]],
          ['Preset', <code>{preset}</code>],
          [
            'Event types',
            allowedEventTypes.length === 0 ? (
              'None'
            ) : (
              <ul class="plain">
                {allowedEventTypes.map((pattern) => (
                  <li key={pattern}>
                    <code>{pattern}</code>
                  </li>
                ))}
              </ul>
            ),
          ],
          [
            'Limit',
            rateLimitPerMinute === null
              ? 'Those of the agents above and of your organization'
              : `${countText(rateLimitPerMinute)} events and requests a minute, with the agents below`,
          ],
        ]}
      />
      <p class="secondary">The limits of the agents above apply, too.</p>
    </Panel>
  );
}

function State({ agent }: { agent: PresentedAgent }): VNode {
  const { status, owner, lastActivityAt, createdAt, keyPrefix, agentId } = agent;
  return (
    <Panel title="State">
      <Facts
        facts={[
          ['Status', <AgentState status={status} />],
          ['Last active', lastActivityAt === null ? 'Never' : <RelativeTime at={new Date(lastActivityAt)} />],
          ['Owner', <Owner owner={owner} />],
          ['Expires', <Expiry agent={agent} />],
          ['Idle limit', <IdleTimeout agent={agent} />],
          ['Key', keyPrefix === null ? 'None' : <code>{keyPrefix}…</code>],
          ['Created', <RelativeTime at={new Date(createdAt)} />],
          ['Agent ID', <code>{agentId}</code>],
        ]}
      />
    </Panel>
  );
}

function ManageActions({ base, agent: { agentId, status } }: { base: string; agent: PresentedAgent }): VNode {
  const to = (page: string): string => `${base}/${page}?agent=${agentId}`;
  return (
    <Actions>
      <ButtonLink href={to('change')} plain>
        Change…
      </ButtonLink>
      <ButtonLink href={to('key')} plain>
        Replace the key…
      </ButtonLink>
      <ButtonLink href={to('suspend')} plain>
        {status === 'SUSPENDED' ? 'Reactivate…' : 'Suspend…'}
      </ButtonLink>
    </Actions>
  );
}

function AgentView({ member, shown, done }: { member: Member; shown: Shown; done: string | undefined }): VNode {
  const { agent, ancestry, children, entries, events } = shown;
  const { agentId, name, status } = agent;
  const base = member.base + PATH;
  const mayManage = member.scopes.includes('agents:manage-all');
  const isEmpty = children.data.length === 0;
  return (
    <PortalLayout
      member={member}
      title={name}
      path={PATH}
      done={done}
      lead={<Ancestors base={base} ancestry={ancestry} />}
      action={
        mayManage && (
          <a class="button danger" href={`${base}/stop?agent=${agentId}`}>
            Stop…
          </a>
        )
      }
    >
      {mayManage && CHANGEABLE.has(status) && <ManageActions base={base} agent={agent} />}
      <Split>
        <State agent={agent} />
        <Rights agent={agent} />
      </Split>
      <Panel title="Agents directly below" flush>
        {isEmpty ? (
          <Empty title="None">
            <p>Agents that this agent creates appear here.</p>
          </Empty>
        ) : (
          <AgentTree
            label={`Agents below ${name}`}
            base={base}
            agents={children}
            rest={{ href: agentHref(base, agentId), rows: rowsHref(base, agentId) }}
          />
        )}
      </Panel>
      <AgentChanges base={base} entries={entries} />
      <AgentEvents events={events} />
    </PortalLayout>
  );
}

export const agentPage = memberPage({
  method: 'GET',
  path: `${PATH}/view`,
  scope: 'agents:read',
  urgent: true,
  handle: async (page) => {
    const done = doneText(DONE, page.query['done']);
    return { html: <AgentView member={page.member} shown={await read(page)} done={done} /> };
  },
});
