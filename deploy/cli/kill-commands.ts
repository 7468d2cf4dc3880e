import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { partnerOf } from '../../shared/domain/ids';
import { PublicError } from '../../api/http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import type { AuditContext } from '../../api/db/audit-context';
import { type PresentedCascade, readCascade, readOpenCascades } from '../../api/agents/get-cascade';
import { killSubtree } from '../../api/agents/kill-subtree';
import { type KillPreview, previewKill } from '../../api/agents/preview-kill';
import { validate } from '../../api/http/validate';

import { reasonSchema } from '../../api/http/schemas';
import { operate, wholeNumberUpTo } from './command';
import type { Shell } from './shell';
import { findAgent } from './find-agent';
import type { CliContext } from './open';
import { pageTable, sheet } from './print';
import { showProgress } from './progress';

const LOOK_EVERY_MS = 500;
const DEFAULT_WAIT_SECONDS = 600;
const MAX_WAIT_SECONDS = 86_400;
const OPEN_SHOWN = 100;
/** Parked agents that the sheet names; `--json` has all that are kept. */
const MAX_PARKED_SHOWN = 20;

interface KillOptions {
  preview?: boolean;
  reason?: string;
  confirm?: string;
  wait: boolean;
  waitSeconds: number;
}

const previewText = ({ affected, byStatus, deepest }: KillPreview): string =>
  sheet({ 'would lose their rights': affected, ...byStatus, 'deepest at depth': deepest });

const cascadeText = (cascade: PresentedCascade): string => sheet(cascade);

function killedText({ agentId, cascadeId, status, revoked, affected }: PresentedCascade): string {
  const how =
    status === 'CLOSED' ? `${revoked} agents revoked` : `${revoked} of ${affected ?? '?'} agents revoked so far`;
  return `Killed ${agentId}: ${how} (${cascadeId}).`;
}

function openCascadesText({ data, open }: Awaited<ReturnType<typeof readOpenCascades>>): string {
  const head = ['cascade', 'status', 'partner', 'env', 'agent', 'revoked', 'affected', 'parked', 'ordered'];
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
  return open > data.length ? `${shown}\n${data.length} of ${open} shown, the oldest.` : shown;
}

/** Asks somebody at the terminal to type the agent's id, after showing what the kill would do. */
async function confirmed(ctx: CliContext, shell: Shell, agent: AgentDoc): Promise<void> {
  shell.err(`${sheet({ agent: agent._id, name: agent.name, partner: partnerOf(agent.tenant) })}\n`);
  shell.err(`${previewText(await previewKill(ctx, agent))}\n`);
  const typed = await shell.terminal!.ask('A kill is for good. To kill it with all below it, type its id: ');
  if (typed.trim() !== agent._id) throw new Error('what was typed is not the id of the agent; nothing was changed');
}

/** Shows how far a cascade is, until it ends its try or the time is over. */
async function followCascade(
  ctx: CliContext,
  shell: Shell,
  { tenant, cascadeId, untilMs }: { tenant: AgentDoc['tenant']; cascadeId: string; untilMs: number },
): Promise<PresentedCascade> {
  const progress = showProgress(shell, 'revoked');
  try {
    for (;;) {
      const cascade = await readCascade(ctx, tenant, cascadeId);
      if (cascade.affected !== null) progress.at(cascade.revoked, cascade.affected);
      if (cascade.status !== 'RUNNING' || Date.now() >= untilMs) return cascade;
      await delay(LOOK_EVERY_MS);
    }
  } finally {
    progress.stop();
  }
}

/** Kills and waits for the cascade. What the operator should know on the way goes to stderr. */
async function kill(
  ctx: CliContext,
  shell: Shell,
  auditContext: AuditContext,
  agent: AgentDoc,
  { reason, wait, waitSeconds }: KillOptions,
): Promise<PresentedCascade> {
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
  shell.err(`In force since ${effectiveAt.toISOString()}: the agent and all below it are refused (${cascadeId}).\n`);
  if (!wait) return readCascade(ctx, tenant, cascadeId);
  shell.err('Workers delete the keys and write the audit; Ctrl-C ends only this display.\n');
  return followCascade(ctx, shell, { tenant, cascadeId, untilMs: Date.now() + waitSeconds * 1_000 });
}

/** A cascade of any partner, with the agents that the store refuses to revoke: the operator must fix their rows. */
async function cascadeOfAny(ctx: CliContext, cascadeId: string) {
  const cascade = await ctx.store.cascades.byId(cascadeId);
  if (!cascade) throw new PublicError('NOT_FOUND', 'There is no such cascade.');
  return { ...(await readCascade(ctx, cascade.tenant, cascadeId)), parkedAgents: cascade.parked };
}

function cascadeOfAnyText({ parkedAgents, ...facts }: Awaited<ReturnType<typeof cascadeOfAny>>): string {
  if (parkedAgents.length === 0) return cascadeText(facts);
  const named = parkedAgents.slice(0, MAX_PARKED_SHOWN).join('\n');
  const more = facts.parked - Math.min(parkedAgents.length, MAX_PARKED_SHOWN);
  return sheet({ ...facts, 'parked agents': more > 0 ? `${named}\nand ${more} more` : named });
}

/** `agents kill | cascade`. */
export function addKillCommands(agents: Command, shell: Shell): void {
  agents
    .command('kill <agentId>')
    .description('kill an agent and all below it: refused everywhere at once, whatever the size of the tree')
    .option('--preview', 'only tell what would be affected')
    .option('--reason <text>', 'why, as the audit keeps it')
    .option('--confirm <agentId>', 'the same id again: for scripts, in place of typing it at the terminal')
    .option('--no-wait', 'end as soon as the kill is in force')
    .option(
      '--wait-seconds <n>',
      'how long to wait until every key is deleted and audited',
      wholeNumberUpTo(MAX_WAIT_SECONDS),
      DEFAULT_WAIT_SECONDS,
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 done (with --no-wait: in force), 1 also when it is in force but not yet carried out, 2 wrong usage.' +
        '\nExamples:\n  mir agents kill agt_live_0123 --preview\n' +
        '  mir agents kill agt_live_0123 --reason "prompt injection"',
    )
    .action(async (agentId: string, options: KillOptions, command: Command) => {
      const reason = validate(reasonSchema.optional(), options.reason, 'reason');
      const { confirm, preview = false, wait } = options;
      if (preview) {
        return operate(shell, command, async (ctx) => previewKill(ctx, await findAgent(ctx, agentId)), previewText);
      }
      if (confirm !== undefined && confirm !== agentId) command.error('error: --confirm takes the same id again');
      if (confirm === undefined && !shell.terminal) {
        command.error(`error: nobody can be asked here; add --confirm ${agentId} to mean it`);
      }
      let cascade: PresentedCascade | undefined;
      await operate(
        shell,
        command,
        async (ctx, auditContext) => {
          const agent = await findAgent(ctx, agentId);
          if (confirm === undefined) await confirmed(ctx, shell, agent);
          return (cascade = await kill(ctx, shell, auditContext, agent, { ...options, ...(reason ? { reason } : {}) }));
        },
        killedText,
      );
      if (!wait || cascade?.status === 'CLOSED') return;
      throw new Error(
        `the kill is in force, but it is ${cascade?.status}; \`agents cascade ${cascade?.cascadeId}\` tells how far it is`,
      );
    });

  agents
    .command('cascade [cascadeId]')
    .description('how far a kill has been carried out; without an id, all that are still open, the oldest first')
    .action(async (cascadeId: string | undefined, _options: object, command: Command) => {
      if (cascadeId !== undefined) {
        return operate(shell, command, (ctx) => cascadeOfAny(ctx, cascadeId), cascadeOfAnyText);
      }
      return operate(shell, command, (ctx) => readOpenCascades(ctx, OPEN_SHOWN), openCascadesText);
    });
}
