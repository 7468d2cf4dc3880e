import type { VNode } from 'preact';
import { type Env, envOf, partnerOf } from '../../../../shared/domain/ids';
import { findAnyAgent } from '../../../agents/any-agent';
import { type Lineage, readLineage } from '../../../agents/get-lineage';
import { presentAgent, type PresentedAgent } from '../../../agents/present-agent';
import { pageOfAudit } from '../../../audit/list-audit';
import type { PresentedEntry } from '../../../audit/present-entry';
import { readPartner } from '../../../partners/get-partner';
import { doneText } from '../../design/done-text';
import { Empty, ENVIRONMENT_NAMES, NextPage, Panel, RelativeTime, Split } from '../../design/app-parts';
import { ButtonLink } from '../../design/form';
import { Facts } from '../../design/text';
import { AgentState, AgentTable } from '../../agents/agent-table';
import { AuditLog } from '../audit/audit-log';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleCall, type ConsoleOperator, consolePage } from '../console-page';
import { SEARCH, agentPath, killPath, partnerPath } from '../paths';
import { OPERATOR_READS } from '../operator-reads';

const CHILDREN_PER_PAGE = 25;
/** Maximum number of audit entries that the page of an agent lists. */
const MAX_CHANGES = 8;

const DONE = {
  suspended: 'The agent and everything below it are suspended. Their keys are rejected.',
  reactivated: 'The agent is reactivated, unless an agent above it is suspended or revoked.',
};

/** An agent as its page shows it. */
interface ShownAgent {
  agent: PresentedAgent;
  partner: { partnerId: string; name: string };
  env: Env;
  lineage: Lineage;
  /** The latest changes of the agent, newest first. */
  changes: readonly PresentedEntry[];
  /** ID of the agent's latest kill, or null. */
  killId: string | null;
}

async function readAgent({ ctx, params, query }: Pick<ConsoleCall, 'ctx' | 'params' | 'query'>): Promise<ShownAgent> {
  const { store, longWork } = ctx;
  const doc = await findAnyAgent(ctx, params['id']!);
  const page = { limit: CHILDREN_PER_PAGE, cursor: query['cursor'] };
  const [above, lineage, { _id: partnerId, name }, changes, kill] = await Promise.all([
    store.agents.limitsAbove(doc),
    longWork.list(OPERATOR_READS, () => readLineage(ctx, doc, page)),
    readPartner(ctx, partnerOf(doc.tenant)),
    longWork.list(OPERATOR_READS, () => pageOfAudit(ctx, doc.tenant, { limit: MAX_CHANGES, target: doc._id })),
    doc.killedAt === null ? null : store.cascades.latestOf(doc._id),
  ]);
  const agent = presentAgent(doc, above);
  const facts = { agent, partner: { partnerId, name }, env: envOf(doc.tenant) };
  return { ...facts, lineage, changes: changes.data, killId: kill?._id ?? null };
}

function Path({ lineage: { ancestry } }: { lineage: Lineage }): VNode {
  const above = ancestry.slice(0, -1);
  if (above.length === 0) return <>Registered directly</>;
  return (
    <>
      {above.map(({ agentId, name }, index) => (
        <>
          {index > 0 && ' › '}
          <a href={agentPath(agentId)}>
            <bdi>{name}</bdi>
          </a>
        </>
      ))}
    </>
  );
}

const timeOr = (at: string | null, text: string): VNode | string =>
  at === null ? text : <RelativeTime at={new Date(at)} />;

function AgentFacts({ agent, partner, env, lineage, killId }: ShownAgent): VNode {
  const { owner } = agent;
  return (
    <Panel title="About the agent">
      <Facts
        facts={[
          ['Status', <AgentState status={agent.status} />],
          killId === null ? null : ['Stopped', <a href={killPath(killId)}>Report of the kill</a>],
          [
            'Partner',
            <a href={partnerPath(partner.partnerId)}>
              <bdi>{partner.name}</bdi>
            </a>,
          ],
          ['Environment', ENVIRONMENT_NAMES[env]],
          ['Below', <Path lineage={lineage} />],
          [
            'Owner',
            owner === null ? (
              'None'
            ) : (
              <>
                <bdi>{owner.name}</bdi>, {owner.email}
              </>
            ),
          ],
          ['Kind', agent.type === 'AI_AGENT' ? 'AI agent' : 'Service account'],
          ['Preset', agent.preset],
          ['May submit', agent.allowedEventTypes.join(', ')],
          agent.rateLimitPerMinute === null ? null : ['Requests per minute', agent.rateLimitPerMinute],
          ['Last active', timeOr(agent.lastActivityAt, 'Never')],
          ['Created', timeOr(agent.createdAt, 'Unknown')],
          ['Expires', timeOr(agent.effectiveExpiresAt, 'Never')],
          ['Key', agent.keyPrefix === null ? 'None' : <code>{agent.keyPrefix}…</code>],
          ['Agent ID', <code>{agent.agentId}</code>],
        ]}
      />
    </Panel>
  );
}

function Tools({ operator, agent }: { operator: ConsoleOperator; agent: PresentedAgent }): VNode | null {
  if (!operator.rights.includes('agents:stop')) return null;
  const base = agentPath(agent.agentId);
  if (agent.status !== 'ACTIVE' && agent.status !== 'SUSPENDED') return null;
  return (
    <div class="tools">
      {agent.status === 'SUSPENDED' && (
        <ButtonLink href={`${base}/reactivate`} plain>
          Reactivate…
        </ButtonLink>
      )}
      <a class="button danger" href={`${base}/stop`}>
        Stop…
      </a>
    </div>
  );
}

function AgentPage({
  operator,
  shown,
  done,
}: {
  operator: ConsoleOperator;
  shown: ShownAgent;
  done: string | undefined;
}): VNode {
  const { agent, lineage } = shown;
  return (
    <ConsoleLayout
      title={agent.name}
      current={SEARCH}
      operator={operator}
      done={doneText(DONE, done)}
      aside={<Tools operator={operator} agent={agent} />}
    >
      <Split>
        <div>
          <Panel title="Agents directly below" flush>
            {lineage.children.length === 0 ? (
              <Empty title="None">
                <p>Agents that this agent creates appear here.</p>
              </Empty>
            ) : (
              <AgentTable caption="Agents directly below" agents={lineage.children} hrefOf={agentPath} />
            )}
            <NextPage href={agentPath(agent.agentId)} cursor={lineage.nextCursor} />
          </Panel>
          <AuditLog
            title="What happened to it"
            empty="Changes of this agent appear here, with their reasons."
            entries={shown.changes}
          />
        </div>
        <AgentFacts {...shown} />
      </Split>
    </ConsoleLayout>
  );
}

/** An agent of any partner, with its lineage and a page of its children. */
export const agentPage = consolePage({
  method: 'GET',
  path: '/agents/:id',
  right: 'partners:read',
  handle: async (page) => ({
    html: <AgentPage operator={page.operator} shown={await readAgent(page)} done={page.query['done']} />,
  }),
});
