import { type Command, Option } from 'commander';
import { AGENT_STATUSES, AGENT_TYPES, type AgentStatus, MAX_AGENT_DEPTH } from '../../shared/domain/agent';
import { type Env, envOf, partnerOf, type Tenant, tenantOf } from '../../shared/domain/ids';
import { type AgentQuery, type AgentScope, pageOfAgents } from '../../api/agents/list-agents';
import { readLineage } from '../../api/agents/get-lineage';
import { presentAgent } from '../../api/agents/present-agent';
import { nodesOf } from '../../api/agents/get-tree';
import type { TreeNode } from '../../api/agents/walk-tree';

import { readPartner } from '../../api/partners/get-partner';
import { operate, paged, wholeNumberUpTo } from './command';
import type { Shell } from './shell';
import { findAnyAgent } from '../../api/agents/any-agent';
import { addFindAgentsCommand } from './find-agents-command';
import { addKillCommands } from './kill-commands';
import { addSuspendAgentCommands } from './suspend-agent-commands';
import { addReportCommand } from './report-command';
import type { CliContext } from './open';
import { pageTable, printable, sheet } from './print';

interface TenantOptions {
  partner?: string;
  env: Env;
}

function withPartner(command: Command, { mandatory }: { mandatory: boolean }): Command {
  const partner = new Option('--partner <partnerId>', 'partner that owns the agents');
  return command
    .addOption(mandatory ? partner.makeOptionMandatory() : partner)
    .addOption(new Option('--env <env>', 'environment of the agents').choices(['live', 'test']).default('live'));
}

const statusOption = new Option('--status <status>', 'filter by effective status').choices(AGENT_STATUSES);

async function requireTenant(ctx: CliContext, partnerId: string, env: Env): Promise<Tenant> {
  return tenantOf((await readPartner(ctx, partnerId))._id, env);
}

/** Formats an agent as one line, indented by its depth relative to the first agent shown. */
function treeLine({ name, status, depth, lastActivityAt, agentId }: TreeNode, rootDepth: number): string {
  const indent = '  '.repeat(depth - rootDepth);
  const shownName = printable(name).replaceAll('\n', '�');
  return `${indent}${shownName}  ${status}  depth ${depth}  last active ${lastActivityAt ?? 'never'}  ${agentId}\n`;
}

/** Prints each node as it is read, because the whole tree may not fit in memory. */
async function printTree(shell: Shell, nodes: AsyncIterable<TreeNode>, rootDepth: number, json: boolean) {
  let count = 0;
  for await (const node of nodes) {
    count += 1;
    shell.out(json ? `${JSON.stringify(node)}\n` : treeLine(node, rootDepth));
  }
  if (!json) shell.out(count === 0 ? 'None.\n' : `${count} shown.\n`);
}

async function showAgent(ctx: CliContext, agentId: string) {
  const agent = await findAnyAgent(ctx, agentId);
  const { ancestry } = await readLineage(ctx, agent, { limit: 1 });
  return {
    ...presentAgent(agent, await ctx.store.agents.limitsAbove(agent)),
    partnerId: partnerOf(agent.tenant),
    env: envOf(agent.tenant),
    ancestry: ancestry.map(({ agentId: id, name, status }) => ({ agentId: id, name, status })),
  };
}

function agentSheet({ ancestry, scopes, allowedEventTypes, ...agent }: Awaited<ReturnType<typeof showAgent>>): string {
  const { owner, ...facts } = agent;
  return sheet({
    ...facts,
    owner: owner && `${owner.name} <${owner.email}>`,
    scopes: scopes.join('\n'),
    allowedEventTypes: allowedEventTypes.join('\n'),
    ancestry: ancestry.map(({ agentId, name, status }) => `${agentId}  ${status}  ${name}`).join('\n'),
  });
}

interface TreeOptions extends TenantOptions {
  status?: AgentStatus;
  maxDepth?: number;
}

function addReadingCommands(agents: Command, shell: Shell): void {
  withPartner(
    agents.command('tree [agentId]').description("show an agent and its descendants, or all of a partner's agents"),
    {
      mandatory: false,
    },
  )
    .addOption(statusOption)
    .option(
      '--max-depth <n>',
      'levels to show below the top level; 0 shows only the top level',
      wholeNumberUpTo(MAX_AGENT_DEPTH),
    )
    .addHelpText(
      'after',
      '\nWith --json, prints one agent per line.\nExamples:\n  mir agents tree agt_live_0123\n' +
        '  mir agents tree --partner prt_0123 --status SUSPENDED',
    )
    .action(async (agentId: string | undefined, options: TreeOptions, command: Command) => {
      const { partner, env, status, maxDepth: levels } = options;
      if ((agentId === undefined) === (partner === undefined)) {
        command.error('error: specify either an agentId or --partner <partnerId>');
      }
      const { json = false } = command.optsWithGlobals<{ json?: boolean }>();
      await operate(
        shell,
        command,
        async (ctx) => {
          const root = agentId === undefined ? null : await findAnyAgent(ctx, agentId);
          const tenant = root?.tenant ?? (await requireTenant(ctx, partner!, env));
          await printTree(shell, nodesOf(ctx, { tenant, root, levels, status }), root?.depth ?? 0, json);
        },
        null,
      );
    });

  withPartner(paged(agents.command('list').description("list a partner's agents, newest first")), { mandatory: true })
    .addOption(statusOption)
    .addOption(new Option('--type <type>', 'filter by type').choices(AGENT_TYPES))
    .action(async (options: Required<TenantOptions> & AgentQuery, command: Command) =>
      operate(
        shell,
        command,
        async (ctx) => {
          const { limit, cursor, status, type } = options;
          const scope: AgentScope = { tenant: await requireTenant(ctx, options.partner, options.env), self: null };
          return pageOfAgents(ctx, scope, { limit, cursor, status, type }, ({ agent, above }) =>
            presentAgent(agent, above),
          );
        },
        (page) =>
          pageTable(page, ['agent', 'name', 'type', 'preset', 'status', 'depth', 'last active'], (one) => [
            one.agentId,
            one.name,
            one.type,
            one.preset,
            one.status,
            one.depth,
            one.lastActivityAt,
          ]),
      ),
    );

  agents
    .command('show <agentId>')
    .description("show an agent's permissions, status, key prefix and ancestry")
    .action(async (agentId: string, _options: object, command: Command) =>
      operate(shell, command, (ctx) => showAgent(ctx, agentId), agentSheet),
    );
}

/** Adds the `agents` commands. */
export function addAgentCommands(agents: Command, shell: Shell): void {
  addFindAgentsCommand(agents, shell);
  addReadingCommands(agents, shell);
  addKillCommands(agents, shell);
  addSuspendAgentCommands(agents, shell);
  addReportCommand(agents, shell);
}
