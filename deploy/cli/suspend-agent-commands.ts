import type { Command } from 'commander';
import { findAnyAgent, operatorAccess } from '../../api/agents/any-agent';
import { presentAgent } from '../../api/agents/present-agent';
import { previewKill } from '../../api/agents/preview-kill';
import { reactivateAgent } from '../../api/agents/reactivate-agent';
import { suspendAgent } from '../../api/agents/suspend-agent';
import { reasonSchema } from '../../api/http/schemas';
import { validate } from '../../api/http/validate';
import type { AgentDoc } from '../../shared/store/agents';
import { operate } from './command';
import { confirmationProblem, confirmByTyping, reasonProblem, rejectUsage } from './confirm';
import type { CliContext } from './open';
import type { Shell } from './shell';
import { ownerOf, subtreeText } from './subtree-text';

const UNAFFECTED = `Not affected: the agents' parent and siblings; events that they have already submitted. \`mir agents reactivate\`
ends the suspension. To stop agents for good, use \`mir agents kill\`.`;

interface SuspendOptions {
  includeDescendants?: boolean;
  preview?: boolean;
  reason?: string;
  yes?: boolean;
}

/** Returns what a suspension would affect: only the agent, or its whole subtree. */
async function previewOf(ctx: CliContext, agent: AgentDoc, includeDescendants: boolean) {
  const owner = await ownerOf(ctx, agent);
  const preview = await previewKill(ctx, agent, includeDescendants ? {} : { levels: 0 });
  return { ...owner, ...preview };
}

const previewText = (preview: Awaited<ReturnType<typeof previewOf>>): string =>
  subtreeText(preview, 'agents to suspend', UNAFFECTED);

/** Adds `agents suspend` and `agents reactivate`. */
export function addSuspendAgentCommands(agents: Command, shell: Shell): void {
  agents
    .command('suspend <agentId>')
    .description('reject the key of an agent until it is reactivated, effective immediately')
    .option('--include-descendants', 'also suspend all its descendants')
    .option('--preview', 'show what would be affected and change nothing')
    .option('--reason <text>', 'reason to record in the audit log; required, except with --preview')
    .option('--yes', "suspend without asking for the agent's ID")
    .action(async (agentId: string, options: SuspendOptions, command: Command) => {
      const { includeDescendants = false, preview = false, yes = false } = options;
      const reason = validate(reasonSchema.optional(), options.reason, 'reason');
      if (preview) {
        const show = async (ctx: CliContext) => previewOf(ctx, await findAnyAgent(ctx, agentId), includeDescendants);
        return operate(shell, command, show, previewText);
      }
      rejectUsage(command, [reasonProblem(reason), yes ? null : confirmationProblem(shell, '--yes')]);
      await operate(
        shell,
        command,
        async (ctx, auditContext) => {
          const agent = await findAnyAgent(ctx, agentId);
          if (!yes) {
            await confirmByTyping(shell, {
              preview: previewText(await previewOf(ctx, agent, includeDescendants)),
              question: "To suspend these agents, type the agent's ID: ",
              expected: agentId,
              what: "the agent's ID",
            });
          }
          const access = operatorAccess(agent, auditContext);
          const after = await suspendAgent(ctx, access, agentId, { reason, includeDescendants });
          return presentAgent(after.agent, after.ancestors);
        },
        () =>
          `Suspended ${agentId}${includeDescendants ? ' and all its descendants' : ''}. Their keys are now rejected.`,
      );
    });

  agents
    .command('reactivate <agentId>')
    .description(
      'accept the key of a suspended agent again, and those of its descendants if they were suspended with it',
    )
    .option('--reason <text>', 'reason to record in the audit log; required')
    .action(async (agentId: string, options: { reason?: string }, command: Command) => {
      const reason = validate(reasonSchema.optional(), options.reason, 'reason');
      rejectUsage(command, [reasonProblem(reason)]);
      await operate(
        shell,
        command,
        async (ctx, auditContext) => {
          const agent = await findAnyAgent(ctx, agentId);
          const after = await reactivateAgent(ctx, operatorAccess(agent, auditContext), agentId, reason);
          return presentAgent(after.agent, after.ancestors);
        },
        ({ status }) =>
          status === 'ACTIVE'
            ? `Reactivated ${agentId}. Its key works again.`
            : `Reactivated ${agentId}, but it is still ${status}, because an ancestor's subtree is suspended.`,
      );
    });
}
