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
import { findAgent } from './find-agent';
import { addKillCommands } from './kill-commands';
import type { CliContext } from './open';
import { pageTable, printable, sheet } from './print';

interface WhoseOptions {
  partner?: string;
  env: Env;
}

function withPartner(command: Command, { mandatory }: { mandatory: boolean }): Command {
  const partner = new Option('--partner <partnerId>', 'whose agents');
  return command
    .addOption(mandatory ? partner.makeOptionMandatory() : partner)
    .addOption(new Option('--env <env>', 'of which environment').choices(['live', 'test']).default('live'));
}

const statusOption = new Option('--status <status>', 'only of this status, as it counts now').choices(AGENT_STATUSES);

async function tenantAsked(ctx: CliContext, partnerId: string, env: Env): Promise<Tenant> {
  return tenantOf((await readPartner(ctx, partnerId))._id, env);
}

/** An agent on a line of its own, as far to the right as it stands below the first one. */
function treeLine({ name, status, depth, lastActivityAt, agentId }: TreeNode, rootDepth: number): string {
  const shift = '  '.repeat(depth - rootDepth);
  const shownName = printable(name).replaceAll('\n', '�');
  return `${shift}${shownName}  ${status}  depth ${depth}  last active ${lastActivityAt ?? 'never'}  ${agentId}\n`;
}

/** Prints nodes as they are read: a tree may be bigger than the memory. */
async function printTree(shell: Shell, nodes: AsyncIterable<TreeNode>, rootDepth: number, json: boolean) {
  let count = 0;
  for await (const node of nodes) {
    count += 1;
    shell.out(json ? `${JSON.stringify(node)}\n` : treeLine(node, rootDepth));
  }
  if (!json) shell.out(count === 0 ? 'None.\n' : `${count} shown.\n`);
}

async function showAgent(ctx: CliContext, agentId: string) {
  const agent = await findAgent(ctx, agentId);
  const above = await ctx.store.agents.marksOf(agent.ancestors);
  const { ancestry } = await readLineage(ctx, agent, { limit: 1 });
  return {
    ...presentAgent(agent, [...above.values()]),
    partnerId: partnerOf(agent.tenant),
    env: envOf(agent.tenant),
    ancestry: ancestry.map(({ agentId: id, name, status }) => ({ agentId: id, name, status })),
  };
}

function agentSheet({ ancestry, scopes, allowedEventTypes, ...facts }: Awaited<ReturnType<typeof showAgent>>): string {
  return sheet({
    ...facts,
    scopes: scopes.join('\n'),
    allowedEventTypes: allowedEventTypes.join('\n'),
    ancestry: ancestry.map(({ agentId, name, status }) => `${agentId}  ${status}  ${name}`).join('\n'),
  });
}

interface TreeOptions extends WhoseOptions {
  status?: AgentStatus;
  maxDepth?: number;
}

function addReadingCommands(agents: Command, shell: Shell): void {
  withPartner(agents.command('tree [agentId]').description('an agent with all below it, or all of a partner'), {
    mandatory: false,
  })
    .addOption(statusOption)
    .option('--max-depth <n>', 'levels below the first; 0 shows roots only', wholeNumberUpTo(MAX_AGENT_DEPTH))
    .addHelpText(
      'after',
      '\nWith --json one agent a line.\nExamples:\n  mir agents tree agt_live_0123\n' +
        '  mir agents tree --partner prt_0123 --status SUSPENDED',
    )
    .action(async (agentId: string | undefined, options: TreeOptions, command: Command) => {
      const { partner, env, status, maxDepth: levels } = options;
      if ((agentId === undefined) === (partner === undefined)) {
        command.error('error: give either an agentId or --partner <partnerId>');
      }
      const { json = false } = command.optsWithGlobals<{ json?: boolean }>();
      await operate(
        shell,
        command,
        async (ctx) => {
          const root = agentId === undefined ? null : await findAgent(ctx, agentId);
          const tenant = root?.tenant ?? (await tenantAsked(ctx, partner!, env));
          await printTree(shell, nodesOf(ctx, { tenant, root, levels, status }), root?.depth ?? 0, json);
        },
        null,
      );
    });

  withPartner(paged(agents.command('list').description('agents of a partner, newest first')), { mandatory: true })
    .addOption(statusOption)
    .addOption(new Option('--type <type>', 'only of this type').choices(AGENT_TYPES))
    .action(async (options: Required<WhoseOptions> & AgentQuery, command: Command) =>
      operate(
        shell,
        command,
        async (ctx) => {
          const { limit, cursor, status, type } = options;
          const scope: AgentScope = { tenant: await tenantAsked(ctx, options.partner, options.env), self: null };
          return pageOfAgents(ctx, scope, { limit, cursor, status, type }, ({ agent, above }) =>
            presentAgent(agent, above),
          );
        },
        (answer) =>
          pageTable(answer, ['agent', 'name', 'type', 'preset', 'status', 'depth', 'last active'], (one) => [
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
    .description('one agent: its rights, status, key prefix and ancestry')
    .action(async (agentId: string, _options: object, command: Command) =>
      operate(shell, command, (ctx) => showAgent(ctx, agentId), agentSheet),
    );
}

/** `agents …`. */
export function addAgentCommands(agents: Command, shell: Shell): void {
  addReadingCommands(agents, shell);
  addKillCommands(agents, shell);
}
