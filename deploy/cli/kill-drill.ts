import { setTimeout as delay } from 'node:timers/promises';
import { findAnyCascade, type KillReport } from '../../api/agents/kill-report';
import { killSubtree } from '../../api/agents/kill-subtree';
import type { AuditContext } from '../../api/db/audit-context';
import { type PartnerId, tagOf } from '../../shared/domain/ids';
import { messageOf } from '../../shared/errors';
import { redisNowMs } from '../../shared/redis/clock';
import { type DrillPartner, openDrillPartner } from './drill-partner';
import { type DrillTraffic, postJson, startTraffic, type Tally } from './drill-traffic';
import { buildTree, DRILL_REASON, type DrillTree, type TreeOptions } from './drill-tree';
import { followCascade } from './kill-commands';
import type { CliContext } from './open';
import { showProgress } from './progress';
import { readVerified } from './report-command';
import type { Shell } from './shell';

const POLL_MS = 10;
/** Requests with each key, one of them an introspection, that MIR must decide before the kill, and again after it. */
const REQUESTS_PER_KEY = 2;
/** How long to wait for these requests. */
const TRAFFIC_TIMEOUT_MS = 30_000;

export interface DrillOptions extends TreeOptions {
  url: string;
  /** The existing partner in whose test environment the drill runs. Null to create a partner. */
  partnerId: string | null;
  clients: number;
  waitSeconds: number;
}

export interface DrillResult extends TreeOptions {
  partnerId: string;
  agentId: string;
  cascadeId: string;
  url: string;
  clients: number;
  buildMs: number;
  /** Time from sending the kill to its 202. */
  killMs: number;
  effectiveAt: string;
  requests: { beforeKill: Tally; duringKill: Tally; afterKill: Tally };
  /**
   * When the last accepted request was sent, in ms after `effectiveAt`; negative if before. Precise to a few ms, because
   * it compares two clocks.
   */
  lastAcceptedMs: number | null;
  /** Time from `effectiveAt` until all keys were deleted and all audit entries written. Null if that took too long. */
  closedMs: number | null;
  verified: boolean;
  report: KillReport;
  /** What is wrong. Empty if the drill has passed. */
  problems: string[];
}

/** What a drill has created so far, and must not leave usable. */
interface Created {
  partner?: DrillPartner;
  tree?: DrillTree;
  traffic?: DrillTraffic;
  killed: boolean;
}

/** Returns the time on the clock that a partner's kills use, minus that of `performance.now()`. */
async function clockOffsetMs({ queueLink, keys }: CliContext, partnerId: PartnerId): Promise<number> {
  const askedAtMs = performance.now();
  const redisMs = await redisNowMs(queueLink.primaryOf(keys.clock(tagOf(partnerId))));
  return redisMs - (askedAtMs + performance.now()) / 2;
}

/** Waits until a condition holds. Returns false if that takes too long. */
async function holdsInTime(condition: () => boolean, signal: AbortSignal): Promise<boolean> {
  const untilMs = performance.now() + TRAFFIC_TIMEOUT_MS;
  while (!condition()) {
    if (performance.now() >= untilMs) return false;
    await delay(POLL_MS, undefined, { signal });
  }
  return true;
}

const failureText = ({ lastFailure }: DrillTraffic): string =>
  lastFailure === null ? '' : ` The last failure: ${lastFailure}.`;

/** Kills the tree through the API while its keys send requests. Throws unless the response is a 202. */
async function killThroughApi(url: string, apiKey: string, { rootId }: DrillTree, traffic: DrillTraffic) {
  const startedAtMs = performance.now();
  let killMs = 0;
  traffic.phase = 'during';
  const path = `${url}/v1/agents/${rootId}/revoke-descendants`;
  const { status, body } = await postJson(path, apiKey, { reason: DRILL_REASON }, () => {
    traffic.phase = 'after';
    killMs = performance.now() - startedAtMs;
  });
  if (status !== 202) {
    throw new Error(`the kill returned ${status} ${body.code} instead of 202: ${body.detail}`);
  }
  return { killMs, cascadeId: body.cascadeId, effectiveAt: body.effectiveAt };
}

/** Returns what the traffic and the report say against the kill. */
function problemsOf(traffic: DrillTraffic, decided: boolean, { status }: KillReport, invalid: string | null): string[] {
  const { accepted, rejected, failed } = traffic.tallies.after;
  const undecided = `MIR decided only ${accepted + rejected} requests after the 202, and ${failed} failed`;
  return [
    ...(accepted > 0 ? [`${accepted} requests that were sent after the 202 were accepted`] : []),
    ...(decided ? [] : [`${undecided}.${failureText(traffic)}`]),
    ...(status === 'CLOSED' ? [] : [`the kill is in force, but its cascade is still ${status}; check the workers`]),
    ...(invalid === null || status !== 'CLOSED' ? [] : [`the report is not valid: ${invalid}`]),
  ];
}

/** Waits until a kill is complete, and verifies its report. `invalid` says what is wrong with the report. */
async function awaitReport(
  ctx: CliContext,
  shell: Shell,
  followed: Parameters<typeof followCascade>[2],
): Promise<{ report: KillReport; invalid: string | null }> {
  const report = await followCascade(ctx, shell, followed);
  if (report.status !== 'CLOSED') return { report, invalid: 'it is not complete' };
  const cascade = await findAnyCascade(ctx, followed.cascadeId);
  const checked = await readVerified(ctx, cascade, followed.signal);
  return { report: checked.report, invalid: checked.verdict.problem };
}

/** Builds a tree, sends requests with its keys, kills it, and reads the report. Records in `created` what exists. */
async function drill(
  ctx: CliContext,
  shell: Shell,
  auditContext: AuditContext,
  options: DrillOptions,
  { created, signal }: { created: Created; signal: AbortSignal },
): Promise<DrillResult> {
  const { url, agents, depth, clients, waitSeconds } = options;
  const partner = (created.partner = await openDrillPartner(ctx, auditContext, options.partnerId));
  shell.err(`Building ${agents} agents in the test environment of ${partner.partnerId}…\n`);
  const builtFromMs = performance.now();
  const progress = showProgress(shell, 'agents stored');
  try {
    await buildTree(ctx, partner.partnerId, options, auditContext, {
      signal,
      onRoot: (tree) => void (created.tree = tree),
      onProgress: (stored) => progress.at(stored, agents),
    });
  } finally {
    progress.stop();
  }
  const buildMs = performance.now() - builtFromMs;
  const tree = created.tree!;

  shell.err(`Sending requests to ${url} with ${tree.sampledKeys.length} of the agents' keys…\n`);
  const traffic = startTraffic({ url, agentKeys: tree.sampledKeys, partnerKey: partner.apiKey, clients });
  created.traffic = traffic;
  const enough = REQUESTS_PER_KEY * tree.sampledKeys.length;
  if (!(await holdsInTime(() => traffic.tallies.before.accepted >= enough, signal))) {
    const { accepted, rejected, failed } = traffic.tallies.before;
    throw new Error(
      `before the kill, MIR accepted only ${accepted} of ${accepted + rejected + failed} requests to ${url}. ` +
        `Check that --url is the API of this deployment.${failureText(traffic)}`,
    );
  }
  const offsetMs = await clockOffsetMs(ctx, partner.partnerId);
  const { killMs, cascadeId, effectiveAt } = await killThroughApi(url, partner.apiKey, tree, traffic);
  created.killed = true;
  shell.err(`In force since ${effectiveAt}, after ${Math.round(killMs)} ms (${cascadeId}).\n`);
  const { after } = traffic.tallies;
  const decided = await holdsInTime(() => after.accepted + after.rejected >= enough, signal);
  await traffic.stop();

  const untilMs = Date.now() + waitSeconds * 1_000;
  const { report, invalid } = await awaitReport(ctx, shell, { tenant: tree.tenant, cascadeId, untilMs, signal });
  const effectiveAtMs = Date.parse(effectiveAt);
  const sentMs = traffic.lastAcceptedSentMs;
  return {
    partnerId: partner.partnerId,
    agentId: tree.rootId,
    cascadeId,
    url,
    agents,
    depth,
    clients,
    buildMs: Math.round(buildMs),
    killMs: Math.round(killMs),
    effectiveAt,
    requests: { beforeKill: traffic.tallies.before, duringKill: traffic.tallies.during, afterKill: after },
    lastAcceptedMs: sentMs === null ? null : Math.round(sentMs + offsetMs - effectiveAtMs),
    closedMs: report.closedAt === null ? null : Date.parse(report.closedAt) - effectiveAtMs,
    verified: invalid === null,
    report,
    problems: problemsOf(traffic, decided, report, invalid),
  };
}

/** Ends everything that a drill created: its traffic, its agents, and its partner or key. */
async function cleanUp(ctx: CliContext, auditContext: AuditContext, { partner, tree, traffic, killed }: Created) {
  await traffic?.stop();
  try {
    const isStored = tree !== undefined && (await ctx.store.agents.get(tree.tenant, tree.rootId)) !== null;
    if (isStored && !killed) {
      const { actor, requestId } = auditContext;
      const { tenant, rootId } = tree;
      await killSubtree(ctx, { tenant, agentId: rootId, rootId, actor, requestId, reason: DRILL_REASON });
    }
  } finally {
    await partner?.close();
  }
}

/**
 * Practices a kill: kills a tree of its own while the tree's keys send requests. Whatever happens, also if `signal`
 * aborts it, nothing that it created remains usable.
 */
export async function runKillDrill(
  ctx: CliContext,
  shell: Shell,
  auditContext: AuditContext,
  options: DrillOptions,
  signal: AbortSignal,
): Promise<DrillResult> {
  const created: Created = { killed: false };
  try {
    return await drill(ctx, shell, auditContext, options, { created, signal });
  } catch (error) {
    throw signal.aborted
      ? new Error('interrupted; nothing that the drill created remains usable', { cause: error })
      : error;
  } finally {
    await cleanUp(ctx, auditContext, created).catch((error: unknown) => {
      const { partner, tree } = created;
      throw new Error(
        `cleaning up at ${partner?.partnerId} failed: ${messageOf(error)}. The agents of the drill expire within an hour` +
          (tree ? `; to end them now, run \`mir agents kill ${tree.rootId}\`` : ''),
        { cause: error },
      );
    });
  }
}
