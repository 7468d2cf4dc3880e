import type { VNode } from 'preact';
import { findAgentsRoute, type foundAgentsSchema } from '../../agents/find-agents';
import type { z } from 'zod';
import { getAgentRoute } from '../../agents/get-agent';
import { getLineageRoute } from '../../agents/get-lineage';
import { getTreeRoute } from '../../agents/get-tree';
import type { PresentedAgent } from '../../agents/present-agent';
import type { TreeNode } from '../../agents/walk-tree';
import { Empty, NextPage, Panel, RelativeTime } from '../design/app-parts';
import { Actions, Button, ButtonLink, ErrorSummary, Field, Form, type FormError, titleWith } from '../design/form';
import { Facts } from '../design/text';
import { errorsOf } from '../http/form-errors';
import { AgentState, AgentTable } from './agent-parts';
import { type Member, memberPage } from './member-page';
import { PortalLayout } from './portal-layout';

const PATH = '/agents';
const MAX_SEARCH_LENGTH = 120;

type Found = z.infer<typeof foundAgentsSchema>;

interface Nodes {
  data: readonly TreeNode[];
  nextCursor: string | null;
}

function Agents({
  member,
  roots,
  found,
  search = '',
  errors = [],
}: {
  member: Member;
  roots?: Nodes;
  found?: Found;
  search?: string;
  errors?: FormError[];
}): VNode {
  const base = member.base + PATH;
  return (
    <PortalLayout
      member={member}
      title={titleWith(errors, 'Agents')}
      path={PATH}
      lead="Software that acts for your organization with keys of its own. Agents can create further agents below them."
      action={
        member.scopes.includes('agents:manage-all') && <ButtonLink href={`${base}/new`}>Register an agent</ButtonLink>
      }
    >
      <ErrorSummary errors={errors} />
      <Panel>
        <Form action={base}>
          <Field
            name="name"
            label="Find an agent"
            hint="The beginning of its name. Upper and lower case differ."
            maxLength={MAX_SEARCH_LENGTH}
            value={search}
            errors={errors}
          />
          <Actions>
            <Button kind="plain">Find</Button>
          </Actions>
        </Form>
      </Panel>
      {found && (
        <Panel title={found.data.length === 0 ? 'No agent has this name' : 'Found'} flush>
          {found.data.length === 0 ? (
            <Empty title="Nothing found">
              <p>
                <a href={base}>Show all agents</a>
              </p>
            </Empty>
          ) : (
            <AgentTable caption="Agents that match" base={base} agents={found.data} />
          )}
        </Panel>
      )}
      {roots && (
        <Panel title="Registered agents" flush>
          {roots.data.length === 0 ? (
            <Empty title="No agents in this environment">
              <p>
                Register one here, or in your code as the <a href="/guide#agents">guide</a> shows.
              </p>
            </Empty>
          ) : (
            <AgentTable caption="Registered agents" base={base} agents={roots.data} />
          )}
          <NextPage href={base} cursor={roots.nextCursor} />
        </Panel>
      )}
    </PortalLayout>
  );
}

export const agentsPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'agents:read',
  urgent: true,
  handle: async ({ member, call, query }) => {
    const { cursor } = query;
    const roots = await call<Nodes>(getTreeRoute, { query: { maxDepth: '0', ...(cursor && { cursor }) } });
    return { html: <Agents member={member} roots={roots} /> };
  },
});

export const findAgentsPage = memberPage({
  method: 'POST',
  path: PATH,
  scope: 'agents:read',
  urgent: true,
  handle: async ({ member, call, form }) => {
    const search = (form['name'] ?? '').trim();
    try {
      const found = await call<Found>(findAgentsRoute, { body: { name: search } });
      return { html: <Agents member={member} found={found} search={search} /> };
    } catch (error) {
      const errors = errorsOf(error, { name: 'Enter the beginning of a name.' });
      return { status: 422, html: <Agents member={member} search={search} errors={errors} /> };
    }
  },
});

interface Lineage {
  ancestry: readonly TreeNode[];
  children: readonly TreeNode[];
  nextCursor: string | null;
}

function AgentView({ member, agent, lineage }: { member: Member; agent: PresentedAgent; lineage: Lineage }): VNode {
  const base = member.base + PATH;
  const mayStop = member.scopes.includes('agents:manage-all');
  const above = lineage.ancestry.slice(0, -1);
  return (
    <PortalLayout
      member={member}
      title={agent.name}
      path={PATH}
      action={
        mayStop && (
          <a class="button danger" href={`${base}/stop?agent=${agent.agentId}`}>
            Stop…
          </a>
        )
      }
    >
      <Panel>
        <Facts
          facts={[
            ['Status', <AgentState status={agent.status} />],
            [
              'Below',
              above.length === 0 ? (
                'Registered directly'
              ) : (
                <>
                  {above.map(({ agentId, name }, index) => (
                    <>
                      {index > 0 && ' › '}
                      <a href={`${base}/view?agent=${agentId}`}>
                        <bdi>{name}</bdi>
                      </a>
                    </>
                  ))}
                </>
              ),
            ],
            ['Owner', agent.owner === null ? 'None' : <bdi>{agent.owner.name}</bdi>],
            ['Preset', agent.preset],
            ['May submit', agent.allowedEventTypes.join(', ')],
            [
              'Last active',
              agent.lastActivityAt === null ? 'Never' : <RelativeTime at={new Date(agent.lastActivityAt)} />,
            ],
            [
              'Expires',
              agent.effectiveExpiresAt === null ? 'Never' : <RelativeTime at={new Date(agent.effectiveExpiresAt)} />,
            ],
            ['Agent ID', <code>{agent.agentId}</code>],
          ]}
        />
      </Panel>
      <Panel title="Agents directly below" flush>
        {lineage.children.length === 0 ? (
          <Empty title="None">
            <p>Agents that this agent creates appear here.</p>
          </Empty>
        ) : (
          <AgentTable caption="Agents directly below" base={base} agents={lineage.children} />
        )}
        <NextPage href={`${base}/view?agent=${agent.agentId}`} cursor={lineage.nextCursor} />
      </Panel>
      <Actions>
        <ButtonLink href={base} plain>
          All agents
        </ButtonLink>
      </Actions>
    </PortalLayout>
  );
}

export const agentPage = memberPage({
  method: 'GET',
  path: `${PATH}/view`,
  scope: 'agents:read',
  urgent: true,
  handle: async ({ member, call, query }) => {
    const params = { id: query['agent'] ?? '' };
    const { cursor } = query;
    const [agent, lineage] = await Promise.all([
      call<PresentedAgent>(getAgentRoute, { params }),
      call<Lineage>(getLineageRoute, { params, query: { ...(cursor && { cursor }) } }),
    ]);
    return { html: <AgentView member={member} agent={agent} lineage={lineage} /> };
  },
});
