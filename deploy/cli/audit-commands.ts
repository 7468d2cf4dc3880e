import { type Command, Option } from 'commander';
import type { Env } from '../../shared/domain/ids';
import type { ChainPosition } from '../../shared/domain/audit-chain';
import type { AuditChain } from '../../shared/store/audit';
import { type AuditQuery, auditFilterSchema, exportOfAudit, pageOfAudit } from '../../api/audit/list-audit';
import { readChain } from '../../api/audit/read-chain';
import { ACTOR_KINDS, type PresentedEntry } from '../../api/audit/present-entry';
import { type PresentedVerdict, verdictOfAudit } from '../../api/audit/verify-audit';
import { validate } from '../../api/http/validate';

import { operate, paged } from './command';
import type { Shell } from './shell';
import type { CliContext } from './open';
import { pageTable, printable, sheet } from './print';
import { type Progress, showProgress } from './progress';
import { parsePosition, streamVerdictText, verifySavedStream } from './verify-stream';

interface ChainOptions {
  partner?: string;
  env: Env;
  registry?: boolean;
}

function withChain(command: Command): Command {
  return command
    .option('--partner <partnerId>', 'partner that owns the audit chain')
    .addOption(
      new Option('--env <env>', "environment of the partner's chain").choices(['live', 'test']).default('live'),
    )
    .addOption(
      new Option(
        '--registry',
        "use the operator's chain, which records actions that do not belong to a partner",
      ).conflicts('partner'),
    );
}

interface StreamOptions {
  fromStream?: string | true;
  jwks?: string;
  after?: ChainPosition;
}

function withStream(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--from-stream [file]',
        'verify a saved response of GET /v1/audit/stream, from standard input by default; connects to no database',
      ).conflicts(['partner', 'registry']),
    )
    .option('--jwks <file or URL>', 'with --from-stream: the keys that verify the signed heads')
    .addOption(
      new Option(
        '--after <seq:hash>',
        'with --from-stream: the last entry that was verified before, if the stream does not start with the first entry',
      ).argParser(parsePosition),
    );
}

function withFilters(command: Command): Command {
  return command
    .option('--action <action>', 'filter by action, for example agent.revoked')
    .option('--target <id>', 'filter by the ID of the changed agent, partner or other resource')
    .addOption(new Option('--actor <kind>', 'filter by kind of actor').choices(ACTOR_KINDS))
    .option('--cascade-id <id>', 'filter by the ID of the cascade that caused the change')
    .option('--request-id <id>', 'filter by the ID of the request that caused the change')
    .option('--from <time>', 'earliest time, inclusive (RFC 3339)')
    .option('--to <time>', 'latest time, exclusive (RFC 3339)');
}

async function chainOf(
  ctx: CliContext,
  command: Command,
  { partner, env, registry }: ChainOptions,
): Promise<AuditChain> {
  if (registry) return 'registry';
  if (partner === undefined) command.error('error: specify --partner <partnerId> or --registry');
  return (await readChain(ctx, partner, env)).chain;
}

const filtersOf = ({ action, target, actor, cascadeId, requestId, from, to }: AuditQuery): AuditQuery =>
  validate(auditFilterSchema, { action, target, actor, cascadeId, requestId, from, to }, 'command line');

function actorText({ actor }: PresentedEntry): string {
  if (actor.kind === 'AGENT') return `AGENT ${actor.agentId}`;
  return actor.kind === 'OPERATOR' ? `OPERATOR ${actor.via}` : actor.kind;
}

/**
 * Verifies a chain up to its head, in steps of at most `limit` entries. Reports progress after each step except the
 * last.
 */
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
  return `Intact.\n${sheet({ entries, 'sealed through': sealedThrough, 'head hash': headHash, unsealed })}`;
}

/** Verifies a saved stream, prints the result, and throws if the stream is not intact. */
async function verifyStreamOf(shell: Shell, command: Command, { fromStream, jwks, after }: StreamOptions) {
  if (jwks === undefined)
    command.error('error: --from-stream needs --jwks <file or URL>, the keys that verify the heads');
  const verdict = await verifySavedStream(shell, { file: fromStream === true ? '-' : fromStream!, jwks, after });
  const { json } = command.optsWithGlobals<{ json?: boolean }>();
  shell.out(`${json ? JSON.stringify(verdict, null, 2) : streamVerdictText(verdict)}\n`);
  if (!verdict.intact) throw new Error('the audit stream is broken');
}

/** Adds `audit list`, `audit verify` and `audit export`. */
export function addAuditCommands(audit: Command, shell: Shell): void {
  withFilters(withChain(paged(audit.command('list').description('list audit entries, newest first')))).action(
    async (options: ChainOptions & AuditQuery & { limit: number; cursor?: string }, command: Command) =>
      operate(
        shell,
        command,
        async (ctx) => {
          const { limit, cursor } = options;
          return pageOfAudit(ctx, await chainOf(ctx, command, options), { ...filtersOf(options), limit, cursor });
        },
        (page) =>
          pageTable(page, ['seq', 'at', 'action', 'target', 'actor', 'reason'], (one) => [
            one.seq,
            one.at,
            one.action,
            one.target,
            actorText(one),
            one.reason,
          ]),
      ),
  );

  withStream(
    withChain(audit.command('verify').description('verify the hash chain; exits with 1 if it is broken')),
  ).action(async (options: ChainOptions & StreamOptions, command: Command) => {
    if (options.fromStream !== undefined) return verifyStreamOf(shell, command, options);
    if (options.jwks !== undefined || options.after !== undefined)
      command.error('error: --jwks and --after can only be used with --from-stream');
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
  });

  withFilters(withChain(audit.command('export').description('print all matching entries as NDJSON, newest first')))
    .addHelpText(
      'after',
      "\nEach entry's hash is the SHA-256 of the entry without `hash`, serialized as JSON with sorted keys and no whitespace." +
        '\nExample:\n  mir audit export --partner prt_0123 > audit.ndjson',
    )
    .action(async (options: ChainOptions & AuditQuery, command: Command) =>
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
