import { type Command, Option } from 'commander';
import { type Env, tenantOf } from '../../shared/domain/ids';
import type { AuditChain } from '../../shared/store/audit';
import { type AuditAsk, auditFilterSchema, exportOfAudit, pageOfAudit } from '../../api/audit/list-audit';
import { ACTOR_KINDS, type PresentedEntry } from '../../api/audit/present-entry';
import { type PresentedVerdict, verdictOfAudit } from '../../api/audit/verify-audit';
import { validate } from '../../api/http/validate';

import { readPartner } from '../../api/partners/get-partner';
import { operate, paged } from './command';
import type { Shell } from './shell';
import type { CliContext } from './open';
import { pageTable, printable, sheet } from './print';
import { type Progress, showProgress } from './progress';

interface ChainOptions {
  partner?: string;
  env: Env;
  registry?: boolean;
}

function withChain(command: Command): Command {
  return command
    .option('--partner <partnerId>', 'whose chain')
    .addOption(new Option('--env <env>', 'of which environment').choices(['live', 'test']).default('live'))
    .addOption(new Option('--registry', "the operator's own chain, of what is not a partner's").conflicts('partner'));
}

function withFilters(command: Command): Command {
  return command
    .option('--action <action>', 'only this action, e.g. agent.revoked')
    .option('--target <id>', 'only changes of this agent, partner …')
    .addOption(new Option('--actor <kind>', 'only by this kind of actor').choices(ACTOR_KINDS))
    .option('--cascade-id <id>', 'only what this kill revoked')
    .option('--from <time>', 'at or after, RFC 3339')
    .option('--to <time>', 'before, RFC 3339');
}

async function chainOf(
  ctx: CliContext,
  command: Command,
  { partner, env, registry }: ChainOptions,
): Promise<AuditChain> {
  if (registry) return 'registry';
  if (partner === undefined) command.error('error: give --partner <partnerId>, or --registry');
  return tenantOf((await readPartner(ctx, partner))._id, env);
}

const filtersOf = ({ action, target, actor, cascadeId, from, to }: AuditAsk): AuditAsk =>
  validate(auditFilterSchema, { action, target, actor, cascadeId, from, to }, 'command line');

function actorText({ actor }: PresentedEntry): string {
  if (actor.kind === 'AGENT') return `AGENT ${actor.agentId}`;
  return actor.kind === 'OPERATOR' ? `OPERATOR ${actor.via}` : actor.kind;
}

/** Checks a chain to its head, step after step of at most `limit` entries; `progress` hears of each but the last. */
export async function verifyWhole(
  ctx: Pick<CliContext, 'store' | 'secrets'>,
  chain: AuditChain,
  progress: Progress,
  limit?: number,
): Promise<PresentedVerdict> {
  const step = limit === undefined ? {} : { limit };
  try {
    let verdict = await verdictOfAudit(ctx, chain, step);
    while (verdict.intact && verdict.nextCursor !== null) {
      const sealed = (await ctx.store.auditHeads.get(chain))?.seq ?? 0;
      progress.at(verdict.entries, Math.max(sealed, verdict.entries));
      verdict = await verdictOfAudit(ctx, chain, { ...step, cursor: verdict.nextCursor });
    }
    return verdict;
  } finally {
    progress.stop();
  }
}

function verdictText(verdict: PresentedVerdict): string {
  if (!verdict.intact) {
    const { seq, reason, auditId } = verdict.firstBroken;
    return `Broken at entry ${seq}${auditId === null ? '' : ` (${printable(auditId)})`}: ${reason}.`;
  }
  const { entries, sealedThrough, headHash, unsealed } = verdict;
  return `Intact.\n${sheet({ entries, 'sealed through': sealedThrough, 'head hash': headHash, 'not sealed yet': unsealed })}`;
}

/** `audit list | verify | export`. */
export function addAuditCommands(audit: Command, shell: Shell): void {
  withFilters(withChain(paged(audit.command('list').description('list entries, newest first')))).action(
    async (options: ChainOptions & AuditAsk & { limit: number; cursor?: string }, command: Command) =>
      operate(
        shell,
        command,
        async (ctx) => {
          const { limit, cursor } = options;
          return pageOfAudit(ctx, await chainOf(ctx, command, options), { ...filtersOf(options), limit, cursor });
        },
        (answer) =>
          pageTable(answer, ['seq', 'at', 'action', 'target', 'actor', 'reason'], (one) => [
            one.seq,
            one.at,
            one.action,
            one.target,
            actorText(one),
            one.reason,
          ]),
      ),
  );

  withChain(audit.command('verify').description('recompute the hash chain; exit code 1 when it is broken')).action(
    async (options: ChainOptions, command: Command) => {
      let verdict: PresentedVerdict | undefined;
      await operate(
        shell,
        command,
        async (ctx) => {
          const chain = await chainOf(ctx, command, options);
          return (verdict = await verifyWhole(ctx, chain, showProgress(shell, 'entries checked')));
        },
        verdictText,
      );
      if (verdict?.intact === false) throw new Error('the audit chain is broken');
    },
  );

  withFilters(withChain(audit.command('export').description('print all entries, one JSON a line, newest first')))
    .addHelpText(
      'after',
      '\nAn entry’s hash is the SHA-256 of its line without `hash`, as JSON with sorted keys and no white space.' +
        '\nExample:\n  mir audit export --partner prt_0123 > audit.ndjson',
    )
    .action(async (options: ChainOptions & AuditAsk, command: Command) =>
      operate(
        shell,
        command,
        async (ctx) => {
          for await (const lines of exportOfAudit(ctx, await chainOf(ctx, command, options), filtersOf(options))) {
            shell.out(lines);
          }
        },
        null,
      ),
    );
}
