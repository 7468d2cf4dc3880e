import type { VNode } from 'preact';
import { MAX_EMAIL_LENGTH } from '../../../http/lengths';
import type { z } from 'zod';
import { AGENT_STATUSES, type AgentStatus } from '../../../../shared/domain/agent';
import { findAgentsRoute, type foundAgentsSchema, MAX_FOUND_AGENTS } from '../../../agents/find-agents';
import { listAgentsRoute } from '../../../agents/list-agents';
import { DataTable, Empty, Panel, RelativeTime } from '../../design/app-parts';
import { Field, Select } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { AgentState, statusText } from '../../agents/agent-table';
import { agentHref, type AgentPage, AgentRows, AgentTree, rowsHref } from './agent-tree';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/agents';
/** Agents that a level of the tree shows at a time. */
const ROWS_PER_PAGE = 50;
/** Selects the agents without a parent. */
const NO_PARENT = 'none';
const SEARCH_BY = [
  { value: 'name', text: 'Name, or its beginning' },
  { value: 'owner', text: 'Owner’s name or email address' },
  { value: 'agentId', text: 'Agent ID' },
  { value: 'keyPrefix', text: 'First characters of its key' },
  { value: 'eventId', text: 'Event that it submitted' },
] as const;

type Found = z.infer<typeof foundAgentsSchema>;

function Search({ base, form, errors }: { base: string; form: Fields; errors: FormError[] }): VNode {
  return (
    <Form action={base} class="fields search">
      <Field
        name="text"
        label="Find an agent"
        maxLength={MAX_EMAIL_LENGTH}
        value={form['text'] ?? ''}
        errors={errors}
      />
      <Select name="by" label="By" options={SEARCH_BY} value={form['by']} errors={errors} />
      <Actions>
        <Button kind="plain">Find</Button>
      </Actions>
    </Form>
  );
}

function FoundAgents({ base, found }: { base: string; found: Found }): VNode {
  if (found.data.length === 0) {
    return (
      <Empty title="Nothing found">
        <p>Upper and lower case differ in names. Agents of the other environment are not searched.</p>
        <p>
          <a href={base}>Show all agents</a>
        </p>
      </Empty>
    );
  }
  return (
    <>
      <DataTable
        caption="Agents that match"
        columns={[{ text: 'Agent' }, { text: 'Below' }, { text: 'Status' }, { text: 'Last active' }]}
        rows={found.data.map(({ agentId, name, path, status, lastActivityAt }) => ({
          key: agentId,
          cells: [
            <a href={agentHref(base, agentId)}>
              <bdi>{name}</bdi>
            </a>,
            path.length < 2 ? 'No other agent' : <bdi>{path.at(-2)!.name}</bdi>,
            <AgentState status={status} />,
            lastActivityAt === null ? 'Never' : <RelativeTime at={new Date(lastActivityAt)} />,
          ],
        }))}
      />
      {found.hasMore && (
        <p class="next-page">More than {MAX_FOUND_AGENTS} agents match. Enter more characters to narrow the search.</p>
      )}
    </>
  );
}

function StatusFilter({ base, status }: { base: string; status: AgentStatus | null }): VNode {
  const current = (one: AgentStatus | null) => (one === status ? { 'aria-current': 'page' as const } : {});
  return (
    <nav class="segments wrap" aria-label="Agents to show">
      <a href={base} {...current(null)}>
        Tree
      </a>
      {AGENT_STATUSES.map((one) => (
        <a key={one} href={`${base}?status=${one}`} {...current(one)}>
          {statusText(one)}
        </a>
      ))}
    </nav>
  );
}

function Listed({ base, agents, status }: { base: string; agents: AgentPage; status: AgentStatus | null }): VNode {
  if (agents.data.length === 0 && agents.nextCursor === null) {
    return status === null ? (
      <Empty title="No agents in this environment">
        <p>
          Register one here, or in your code as the <a href="/guide#agents">guide</a> shows.
        </p>
      </Empty>
    ) : (
      <Empty title={`No agent is ${statusText(status).toLowerCase()}`}>
        <p>
          <a href={base}>Show the tree</a>
        </p>
      </Empty>
    );
  }
  const rest =
    status === null
      ? { href: base, rows: rowsHref(base, NO_PARENT) }
      : { href: `${base}?status=${status}`, rows: `${base}/rows?status=${status}` };
  const label = status === null ? 'Registered agents' : `Agents that are ${statusText(status).toLowerCase()}`;
  return <AgentTree label={label} base={base} agents={agents} rest={rest} />;
}

function Agents({
  member,
  agents,
  status = null,
  found,
  form = {},
  errors = [],
}: {
  member: Member;
  agents?: AgentPage;
  status?: AgentStatus | null;
  found?: Found;
  form?: Fields;
  errors?: FormError[];
}): VNode {
  const base = member.base + PATH;
  return (
    <PortalLayout
      member={member}
      title="Agents"
      errors={errors}
      path={PATH}
      lead="Software that acts for your organization with keys of its own. Agents can create further agents below them."
      action={
        member.scopes.includes('agents:manage-all') && <ButtonLink href={`${base}/new`}>Register an agent</ButtonLink>
      }
    >
      <Panel>
        <Search base={base} form={form} errors={errors} />
      </Panel>
      {found && (
        <Panel title={found.data.length === 0 ? 'No agent matches' : 'Found'} flush>
          <FoundAgents base={base} found={found} />
        </Panel>
      )}
      {agents && (
        <>
          <StatusFilter base={base} status={status} />
          <Panel flush>
            <Listed base={base} agents={agents} status={status} />
          </Panel>
        </>
      )}
    </PortalLayout>
  );
}

const statusOf = (text: string | undefined): AgentStatus | null => AGENT_STATUSES.find((one) => one === text) ?? null;

/** Returns the query of a list, with the cursor of the page if there is one. */
function listQuery(query: Fields, filter: Record<string, string>): Record<string, string> {
  const { cursor } = query;
  return { ...filter, limit: String(ROWS_PER_PAGE), ...(cursor && { cursor }) };
}

export const agentsPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'agents:read',
  urgent: true,
  handle: async ({ member, call, query }) => {
    const status = statusOf(query['status']);
    const filter = listQuery(query, status === null ? { parentId: NO_PARENT } : { status });
    const agents = await call<AgentPage>(listAgentsRoute, { query: filter });
    return { html: <Agents member={member} agents={agents} status={status} /> };
  },
});

/**
 * The rows of a level, or of the agents with a status, which the script puts in place. Draws on the requests budget, so
 * that opening rows never uses up the budget that stopping an agent needs. The rows' links then still work.
 */
export const agentRowsPage = memberPage({
  method: 'GET',
  path: `${PATH}/rows`,
  scope: 'agents:read',
  isPart: true,
  handle: async ({ member, call, query }) => {
    const base = member.base + PATH;
    const status = statusOf(query['status']);
    const parent = query['parent'] ?? NO_PARENT;
    const filter = listQuery(query, status === null ? { parentId: parent } : { status });
    const agents = await call<AgentPage>(listAgentsRoute, { query: filter });
    const level = {
      href: parent === NO_PARENT ? base : agentHref(base, parent),
      rows: rowsHref(base, parent),
    };
    const rest = status === null ? level : { href: `${base}?status=${status}`, rows: `${base}/rows?status=${status}` };
    const takesFocus = query['cursor'] !== undefined;
    return { fragment: <AgentRows base={base} agents={agents} rest={rest} takesFocus={takesFocus} /> };
  },
});

export const findAgentsPage = memberPage({
  method: 'POST',
  path: PATH,
  scope: 'agents:read',
  urgent: true,
  handle: async ({ member, call, form }) => {
    const by = SEARCH_BY.find(({ value }) => value === form['by'])?.value ?? 'name';
    try {
      const found = await call<Found>(findAgentsRoute, { body: { [by]: (form['text'] ?? '').trim() } });
      return { html: <Agents member={member} found={found} form={form} /> };
    } catch (error) {
      const messages = {
        text: by === 'keyPrefix' ? 'Enter the first characters of a key.' : 'Enter what to look for.',
      };
      const errors = errorsOf(error, messages, { nameOf: () => 'text' });
      return { status: 422, html: <Agents member={member} form={form} errors={errors} /> };
    }
  },
});
