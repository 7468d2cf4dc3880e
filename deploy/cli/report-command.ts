import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import {
  findAnyCascade,
  type KillReport,
  KILL_REPORT_TYPE,
  readKillReport,
  signedTextOf,
} from '../../api/agents/kill-report';
import { verifyChain } from '../../shared/audit/verify-chain';
import { messageOf } from '../../shared/errors';
import { canonicalJson } from '../../shared/domain/canonical-json';
import type { CascadeDoc } from '../../shared/store/cascades';
import { operate } from './command';
import type { CliContext } from './open';
import { sheet } from './print';
import type { Shell } from './shell';

const POLL_MS = 250;
/** How long `--verify` waits until the cascade is closed and its audit entries are sealed. */
const SIGNED_WITHIN_MS = 30_000;
/** Limits the entries that are verified after those of the kill. Verification ends early on a longer chain. */
const VERIFY_TIMEOUT_MS = 60_000;

type ReportContext = Pick<CliContext, 'store' | 'signer'>;

/** The result of checking a report against the signing keys and the audit chain. */
interface ReportVerdict {
  valid: boolean;
  problem: string | null;
}

function actorText({ actor }: KillReport): string {
  const { kind, ...facts } = actor;
  return [kind, ...Object.values(facts)].join(' ');
}

/** Returns the facts of a report in rows of text, without its signature, which is only useful to programs. */
export function reportFacts(report: KillReport): Record<string, string | number | null> {
  const { receivers, signature, actor: _actor, ...facts } = report;
  const pushes = receivers.map(({ url, acknowledgedAt, lastError }) => {
    if (acknowledgedAt !== null) return `${url}  acknowledged ${acknowledgedAt}`;
    return `${url}  not acknowledged${lastError === null ? '' : `: ${lastError.code} at ${lastError.at}`}`;
  });
  return {
    ...facts,
    actor: actorText(report),
    receivers: pushes.length === 0 ? null : pushes.join('\n'),
    signed: signature === null ? 'not yet' : 'yes',
  };
}

/** Reads a report, and waits until it is signed. Returns the report as it is if that takes too long. */
async function readSigned(ctx: ReportContext, { tenant, _id }: CascadeDoc, signal?: AbortSignal): Promise<KillReport> {
  const untilMs = Date.now() + SIGNED_WITHIN_MS;
  for (;;) {
    const report = await readKillReport(ctx, tenant, _id);
    if (report.signature !== null || report.status === 'PARTIAL' || Date.now() >= untilMs) return report;
    await delay(POLL_MS, undefined, { ...(signal && { signal }) });
  }
}

/** Returns what is wrong with the audit entries that a report names, or null. Verifies the chain from their start. */
async function auditProblem({ store }: ReportContext, { tenant }: CascadeDoc, report: KillReport) {
  const { cascadeId, reason, actor, auditFrom, auditTo, auditHeadHash } = report;
  const order = await store.audit.orderOfCascade(tenant, cascadeId);
  if (!order) return 'the audit entry about the order is missing';
  const ordered = { reason: order.reason, actor: order.actor };
  if (canonicalJson(ordered) !== canonicalJson({ reason, actor }))
    return 'the audit log names another reason or actor than the report';
  const first = await store.audit.sealedAt(tenant, auditFrom!);
  if (!first) return `the audit entry ${auditFrom} is missing`;
  const from = { seq: auditFrom! - 1, hash: first.previousHash!, throughMs: 0 };
  const bounds = { maxEntries: auditTo! - auditFrom! + 1, timeoutMs: VERIFY_TIMEOUT_MS };
  const verdict = await verifyChain(store, tenant, from, bounds);
  if (!verdict.intact) return `the audit chain is broken at ${verdict.firstBroken.seq}: ${verdict.firstBroken.reason}`;
  if (verdict.checked.seq !== auditTo) return `only the audit entries through ${verdict.checked.seq} could be verified`;
  if (verdict.checked.hash !== auditHeadHash) return `the hash of the audit entry ${auditTo} differs from the report`;
  return null;
}

/** Checks the signature of a report, and the audit entries that it names. */
async function verdictOf(ctx: ReportContext, cascade: CascadeDoc, report: KillReport): Promise<ReportVerdict> {
  const invalid = (problem: string): ReportVerdict => ({ valid: false, problem });
  if (report.signature === null) return invalid('it is not signed yet, because the kill or its audit is not complete');
  try {
    const signed = await ctx.signer.verify(report.signature, KILL_REPORT_TYPE);
    if (signed !== signedTextOf(report)) return invalid('the signature covers another report');
  } catch (error) {
    return invalid(`the signature is invalid: ${messageOf(error)}`);
  }
  const problem = await auditProblem(ctx, cascade, report);
  return problem === null ? { valid: true, problem: null } : invalid(problem);
}

/** Waits until a report is signed, and checks it. */
export async function readVerified(
  ctx: ReportContext,
  cascade: CascadeDoc,
  signal?: AbortSignal,
): Promise<{ report: KillReport; verdict: ReportVerdict }> {
  const report = await readSigned(ctx, cascade, signal);
  return { report, verdict: await verdictOf(ctx, cascade, report) };
}

/** Adds `agents report`. */
export function addReportCommand(agents: Command, shell: Shell): void {
  agents
    .command('report <cascadeId>')
    .description('show the report of a kill: who, why, when, the receivers, the audit entries and the signature')
    .option('--verify', 'check the signature and the audit entries; exits with 1 if they are not valid')
    .action(async (cascadeId: string, { verify = false }: { verify?: boolean }, command: Command) => {
      let verdict: ReportVerdict | undefined;
      await operate(
        shell,
        command,
        async (ctx): Promise<KillReport & { verified?: boolean }> => {
          const cascade = await findAnyCascade(ctx, cascadeId);
          if (!verify) return readKillReport(ctx, cascade.tenant, cascadeId);
          const checked = await readVerified(ctx, cascade);
          ({ verdict } = checked);
          return { ...checked.report, verified: verdict.valid };
        },
        ({ verified, ...report }) => {
          const checked = verified === undefined ? {} : { verified: verified ? 'yes' : 'no' };
          return sheet({ ...reportFacts(report), ...checked });
        },
      );
      if (verdict?.valid === false) throw new Error(`the report is not valid: ${verdict.problem}`);
    });
}
