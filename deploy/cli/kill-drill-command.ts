import { type Command, InvalidArgumentError } from 'commander';
import { MAX_AGENT_DEPTH } from '../../shared/domain/agent';
import { operate, wholeNumber, wholeNumberUpTo } from './command';
import { type DrillOptions, type DrillResult, runKillDrill } from './kill-drill';
import { sheet } from './print';
import type { Shell } from './shell';

const DEFAULT_AGENTS = 1_000;
/** Larger trees take minutes to build and say nothing new: a kill takes as long whatever the size of its tree. */
const MAX_DRILL_AGENTS = 100_000;
const DEFAULT_DEPTH = 8;
const DEFAULT_CLIENTS = 8;
/** More clients would measure this machine instead of MIR. */
const MAX_CLIENTS = 64;
const DEFAULT_WAIT_SECONDS = 600;
const MAX_WAIT_SECONDS = 86_400;

function wholeNumberFrom1To(max: number): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text);
    if (value < 1 || value > max) throw new InvalidArgumentError(`Must be a number from 1 to ${max}.`);
    return value;
  };
}

/** Returns an http or https URL without a trailing slash. */
function apiUrl(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw new InvalidArgumentError('Must be a URL such as https://mir.example.org.');
  }
  return text.replace(/\/+$/, '');
}

const tallyText = ({ accepted, rejected, failed }: DrillResult['requests']['afterKill']): string =>
  `${accepted} accepted, ${rejected} rejected${failed === 0 ? '' : `, ${failed} failed`}`;

function lastAcceptedText(ms: number | null): string | null {
  if (ms === null) return null;
  return `sent ${Math.abs(ms)} ms ${ms <= 0 ? 'before' : 'after'} the kill was in force`;
}

function resultText(result: DrillResult): string {
  const { requests, problems, report } = result;
  const facts = sheet({
    partner: result.partnerId,
    tree: `${result.agents} agents, up to ${result.depth} levels below the root ${result.agentId}`,
    'built in': `${result.buildMs} ms`,
    'kill returned 202 after': `${result.killMs} ms`,
    'in force since': result.effectiveAt,
    'requests sent before the kill': tallyText(requests.beforeKill),
    'while the kill was sent': tallyText(requests.duringKill),
    'after the 202': tallyText(requests.afterKill),
    'last accepted request': lastAcceptedText(result.lastAcceptedMs),
    'keys deleted and audited after': result.closedMs === null ? null : `${result.closedMs} ms`,
    report: `${result.cascadeId}: ${report.status}, ${report.revoked} revoked, ${report.audited} audited`,
    'signature and audit entries': result.verified ? 'valid' : 'not verified',
  });
  return problems.length === 0 ? `${facts}\nPassed: no request that was sent after the 202 was accepted.` : facts;
}

interface Options extends Omit<DrillOptions, 'partnerId' | 'url'> {
  partner?: string;
  url?: string;
}

/** Returns a signal that Ctrl-C aborts. A second Ctrl-C ends the process. */
function abortedByUser(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, abort);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, abort);
    },
  };
}

/** Defines `kill-drill`. */
export function addKillDrillCommand(command: Command, shell: Shell): void {
  command
    .option('--agents <n>', 'size of the tree', wholeNumberFrom1To(MAX_DRILL_AGENTS), DEFAULT_AGENTS)
    .option('--depth <n>', 'levels below the root', wholeNumberFrom1To(MAX_AGENT_DEPTH), DEFAULT_DEPTH)
    .option('--clients <n>', 'clients that send requests', wholeNumberFrom1To(MAX_CLIENTS), DEFAULT_CLIENTS)
    .option('--partner <partnerId>', 'use the test environment of this partner, not a new partner')
    .option('--url <url>', 'URL of the API; by default PUBLIC_URL', apiUrl)
    .option(
      '--wait-seconds <n>',
      'maximum seconds to wait until all keys are deleted and all audit entries are written',
      wholeNumberUpTo(MAX_WAIT_SECONDS),
      DEFAULT_WAIT_SECONDS,
    )
    .addHelpText(
      'after',
      '\nBuilds a tree of agents in a test environment, sends requests and introspections with their keys, kills the tree' +
        '\nthrough the API, and checks that MIR accepts none of the requests that were sent after the 202. Then it reads and' +
        '\nverifies the report. The partner that it creates is suspended at the end, also after Ctrl-C. With --partner, it' +
        '\ncreates a key that it revokes at the end. It never touches other agents.' +
        '\nExit codes: 0 passed, 1 failed, 2 usage error.' +
        '\nExamples:\n  mir kill-drill\n  mir kill-drill --agents 10000 --url https://mir.example.org --json',
    )
    .action(async ({ partner, url, ...options }: Options, _command: Command) => {
      let problems: string[] = [];
      const { signal, release } = abortedByUser();
      try {
        await operate(
          shell,
          command,
          async (ctx, auditContext) => {
            const chosen = { ...options, url: url ?? ctx.config.publicUrl, partnerId: partner ?? null };
            const result = await runKillDrill(ctx, shell, auditContext, chosen, signal);
            ({ problems } = result);
            return result;
          },
          resultText,
        );
      } finally {
        release();
      }
      if (problems.length > 0) throw new Error(`the drill failed: ${problems.join('; ')}`);
    });
}
