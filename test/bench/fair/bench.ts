import { on } from 'node:events';
import { tenantOf } from '../../../shared/domain/ids';
import type { TestPartner } from '../../support/harness';
import { waitUntil } from '../../support/wait-until';
import type { BenchEnvironment } from '../environment';
import type { BenchProcess } from '../processes';
import type { Reporter } from '../report';
import { type Limit, median, quantile } from '../result';
import type { DumpSentMessage, SendMessage, SentMessage } from '../servers/batch-sender';
import type { Sampler } from './freshness';

/** Users of the bulk events. */
export const USERS = 20_000;
/** Part of the measured capacity that a busy partner uses. */
export const BUSY_SHARE = 0.7;
export const DRAIN_TIMEOUT_MS = 300_000;
const DUMP_CONNECTIONS = 4;

/** What all scenarios share. */
export interface FairBench {
  environment: BenchEnvironment;
  reporter: Reporter;
  api: BenchProcess;
  workers: BenchProcess[];
  sender: BenchProcess;
  late: BenchProcess;
  /** The partner that dumps events. */
  a: TestPartner;
  /** The partner whose freshness is sampled. */
  b: Sampler;
}

/** Sends dumps and waits until all batches are accepted. Calls `onDumpSent` with the index of each dump that is sent. */
export async function send(
  { child }: BenchProcess,
  message: SendMessage,
  onDumpSent: (dump: number) => void = () => {},
): Promise<void> {
  child.send(message);
  for await (const [received] of on(child, 'message', { close: ['exit'] })) {
    const progress = received as DumpSentMessage | SentMessage;
    if (progress.type === 'sent') return;
    onDumpSent(progress.dump);
  }
  throw new Error('the sender exited');
}

export async function openChunks({ ctx }: BenchEnvironment, { partnerId }: TestPartner): Promise<number> {
  return ctx.queueLink.client.zcard(ctx.keys.openChunks(tenantOf(partnerId, 'live')));
}

export async function drained(environment: BenchEnvironment, partner: TestPartner): Promise<void> {
  await waitUntil(
    'the dump is finalized',
    async () => (await openChunks(environment, partner)) === 0,
    DRAIN_TIMEOUT_MS,
  );
}

export async function clearEvents({ ctx }: BenchEnvironment): Promise<void> {
  await ctx.store.events.model.collection.deleteMany({});
}

/** Returns the events per second of a dump from its first request to its last finalized chunk. */
export async function dump({ environment, api, sender, a }: FairBench, events: number): Promise<number> {
  const startedAt = performance.now();
  const dumps = [{ key: a.liveKey, events, users: USERS }];
  await send(sender, { port: api.port, dumps, connections: DUMP_CONNECTIONS, rate: null });
  await drained(environment, a);
  return (events / (performance.now() - startedAt)) * 1_000;
}

/** Sends events at a fixed rate for a number of seconds. */
export async function sendAtRate(bench: FairBench, rate: number, seconds: number): Promise<void> {
  const dumps = [{ key: bench.a.liveKey, events: rate * seconds, users: USERS }];
  await send(bench.sender, { port: bench.api.port, dumps, connections: DUMP_CONNECTIONS, rate });
}

/** Runs `sample` until `work` ends, and returns the samples. */
export async function during(
  work: Promise<unknown>,
  sample: (isDone: () => boolean) => Promise<number[]>,
): Promise<number[]> {
  let done = false;
  const finished = work.finally(() => {
    done = true;
  });
  const samples = await sample(() => done);
  await finished;
  return samples;
}

/** Reports a quantile of latency samples. Its values are the quantiles of the rounds. */
export function addQuantile(
  { reporter }: Pick<FairBench, 'reporter'>,
  figure: { id: string; name: string; limit: Limit | null },
  rounds: number[][],
  q: number,
): void {
  const values = rounds.map((samples) => quantile(samples, q));
  reporter.add({ ...figure, name: `${figure.name}, p${q * 100}`, unit: 'ms', values, sides: [] });
}

/** Returns the median over rounds of the p99 of each round. */
export function medianP99(rounds: number[][]): number {
  return median(rounds.map((samples) => quantile(samples, 0.99)));
}
