import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { AgentDoc } from '../../shared/store/agents';
import type { AuditContext } from '../../api/db/audit-context';
import { readOpenCascades } from '../../api/agents/get-cascade';
import { findAnyCascade, type KillReport, readKillReport } from '../../api/agents/kill-report';
import { killSubtree } from '../../api/agents/kill-subtree';
import { previewKill } from '../../api/agents/preview-kill';
import { validate } from '../../api/http/validate';

import { reasonSchema } from '../../api/http/schemas';
import { operate, wholeNumberUpTo } from './command';
import { confirmationProblem, confirmByTyping, reasonProblem, rejectUsage } from './confirm';
import type { Shell } from './shell';
import { findAnyAgent } from '../../api/agents/any-agent';
import type { CliContext } from './open';
import { pageTable, sheet } from './print';
import { showProgress } from './progress';
import { reportFacts } from './report-command';
import { ownerOf, subtreeText } from './subtree-text';

const POLL_MS = 500;
const DEFAULT_WAIT_SECONDS = 600;
const MAX_WAIT_SECONDS = 86_400;
const OPEN_SHOWN = 100;
/**
 * Maximum number of quarantined agents to list. `--json` lists every quarantined agent that the cascade has on record.
 */
const MAX_QUARANTINED_SHOWN = 20;

const UNAFFECTED = `Not affected: the agents' parent and siblings; events that they have already submitted; their audit log; what
they can access outside of MIR, unless it asks MIR about their keys or is a receiver.`;

interface KillOptions {
  preview?: boolean;
  reason?: string;
  confirm?: string;
  wait: boolean;
  waitSeconds: number;
}

function killedText({ agentId, cascadeId, status, revoked, affected }: KillReport): string {
  const how =
    status === 'CLOSED' ? `${revoked} agents revoked` : `${revoked} of ${affected ?? '?'} agents revoked so far`;
  return `Killed ${agentId}: ${how} (${cascadeId}).`;
}

function openCascadesText({ data, open }: Awaited<ReturnType<typeof readOpenCascades>>): string {
  const head = ['cascade', 'status', 'partner', 'env', 'agent', 'revoked', 'affected', 'quarantined', 'requested'];
  const shown = pageTable({ data, nextCursor: null }, head, (one) => [
    one.cascadeId,
    one.status,
    one.partnerId,
    one.env,
    one.agentId,
    one.revoked,
    one.affected,
    one.parked,
    one.createdAt,
  ]);
  return open > data.length ? `${shown}\nShowing the oldest ${data.length} of ${open}.` : shown;
}

/** Returns what a kill of the agent would affect. */
async function previewOf(ctx: CliContext, agentId: string) {
  const agent = await findAnyAgent(ctx, agentId);
  return { ...(await ownerOf(ctx, agent)), ...(await previewKill(ctx, agent)) };
}

const previewText = (preview: Awaited<ReturnType<typeof previewOf>>): string =>
  subtreeText(preview, 'agents to revoke', UNAFFECTED);

/**
 * Shows what the kill would affect and asks the operator to type the agent's ID. Throws if the typed ID does not match.
 */
async function confirmKill(ctx: CliContext, shell: Shell, agent: AgentDoc): Promise<void> {
  await confirmByTyping(shell, {
    preview: previewText(await previewOf(ctx, agent._id)),
    question: "This is permanent. To kill this agent and all its descendants, type the agent's ID: ",
    expected: agent._id,
    what: "the agent's ID",
  });
}

/** Shows a cascade's progress until the cascade is no longer running or the wait time has elapsed. */
export async function followCascade(
  ctx: CliContext,
  shell: Shell,
  followed: { tenant: AgentDoc['tenant']; cascadeId: string; untilMs: number; signal?: AbortSignal },
): Promise<KillReport> {
  const { tenant, cascadeId, untilMs, signal } = followed;
  const progress = showProgress(shell, 'revoked');
  try {
    for (;;) {
      const cascade = await readKillReport(ctx, tenant, cascadeId);
      if (cascade.affected !== null) progress.at(cascade.revoked, cascade.affected);
      if (cascade.status !== 'RUNNING' || Date.now() >= untilMs) return cascade;
      await delay(POLL_MS, undefined, { ...(signal && { signal }) });
    }
  } finally {
    progress.stop();
  }
}

/** Kills a subtree and, unless `wait` is false, waits for its cascade. Prints the status to stderr. */
async function kill(
  ctx: CliContext,
  shell: Shell,
  auditContext: AuditContext,
  agent: AgentDoc,
  { reason, wait, waitSeconds }: KillOptions,
): Promise<KillReport> {
  const { tenant, _id: agentId, rootId } = agent;
  const order = {
    tenant,
    agentId,
    rootId,
    actor: auditContext.actor,
    reason: reason ?? null,
    requestId: auditContext.requestId,
  };
  const { _id: cascadeId, effectiveAt } = await killSubtree(ctx, order);
  shell.err(
    `In force since ${effectiveAt.toISOString()}: the agent and all its descendants are rejected (${cascadeId}).\n`,
  );
  if (!wait) return readKillReport(ctx, tenant, cascadeId);
  shell.err('Workers are deleting the keys and writing audit entries. Ctrl-C stops only this display.\n');
  return followCascade(ctx, shell, { tenant, cascadeId, untilMs: Date.now() + waitSeconds * 1_000 });
}

/**
 * Returns a cascade, which may belong to any partner, and the IDs of its quarantined agents. The database rejects
 * changes to these agents until an operator fixes their rows.
 */
async function cascadeOfAny(ctx: CliContext, cascadeId: string) {
  const cascade = await findAnyCascade(ctx, cascadeId);
  return { ...(await readKillReport(ctx, cascade.tenant, cascadeId)), parkedAgents: cascade.parked };
}

function cascadeOfAnyText({ parkedAgents, ...report }: Awaited<ReturnType<typeof cascadeOfAny>>): string {
  const facts = reportFacts(report);
  if (parkedAgents.length === 0) return sheet(facts);
  const named = parkedAgents.slice(0, MAX_QUARANTINED_SHOWN).join('\n');
  const more = report.parked - Math.min(parkedAgents.length, MAX_QUARANTINED_SHOWN);
  return sheet({ ...facts, 'quarantined agents': more > 0 ? `${named}\nand ${more} more` : named });
}

/** Adds `agents kill` and `agents cascade`. */
export function addKillCommands(agents: Command, shell: Shell): void {
  agents
    .command('kill <agentId>')
    .description('permanently revoke an agent and all its descendants, effective immediately')
    .option('--preview', 'show what would be affected and change nothing')
    .option('--reason <text>', 'reason to record in the audit log; required, except with --preview')
    .option('--confirm <agentId>', "repeat the agent's ID to confirm without a prompt")
    .option('--no-wait', 'exit as soon as the kill is in force')
    .option(
      '--wait-seconds <n>',
      'maximum seconds to wait until all keys are deleted and all audit entries are written',
      wholeNumberUpTo(MAX_WAIT_SECONDS),
      DEFAULT_WAIT_SECONDS,
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 done (with --no-wait: in force), 1 failed, or in force but not finished in time, 2 usage error.' +
        '\nExamples:\n  mir agents kill agt_live_0123 --preview\n' +
        '  mir agents kill agt_live_0123 --reason "prompt injection"',
    )
    .action(async (agentId: string, options: KillOptions, command: Command) => {
      const reason = validate(reasonSchema.optional(), options.reason, 'reason');
      const { confirm, preview = false, wait } = options;
      if (preview) {
        return operate(shell, command, (ctx) => previewOf(ctx, agentId), previewText);
      }
      rejectUsage(command, [
        reasonProblem(reason),
        confirm !== undefined && confirm !== agentId ? '--confirm does not match the agent ID' : null,
        confirm === undefined ? confirmationProblem(shell, `--confirm ${agentId}`) : null,
      ]);
      let cascade: KillReport | undefined;
      await operate(
        shell,
        command,
        async (ctx, auditContext) => {
          const agent = await findAnyAgent(ctx, agentId);
          if (confirm === undefined) await confirmKill(ctx, shell, agent);
          return (cascade = await kill(ctx, shell, auditContext, agent, { ...options, ...(reason ? { reason } : {}) }));
        },
        killedText,
      );
      if (!wait || cascade?.status === 'CLOSED') return;
      throw new Error(
        `the kill is in force, but its cascade is still ${cascade?.status}; ` +
          `run \`mir agents cascade ${cascade?.cascadeId}\` to see its progress`,
      );
    });

  agents
    .command('cascade [cascadeId]')
    .description('show the progress of a kill, or list all open kills, oldest first')
    .action(async (cascadeId: string | undefined, _options: object, command: Command) => {
      if (cascadeId !== undefined) {
        return operate(shell, command, (ctx) => cascadeOfAny(ctx, cascadeId), cascadeOfAnyText);
      }
      return operate(shell, command, (ctx) => readOpenCascades(ctx, OPEN_SHOWN), openCascadesText);
    });
}
