import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { tenantOf } from '../../../shared/domain/ids';
import { insertPartner, type TestPartner } from '../../support/harness';
import { waitUntil } from '../../support/wait-until';
import { type BenchEnvironment, runBench, UNLIMITED } from '../environment';
import { submitted } from '../events';
import { createSampler, sampleFreshness } from '../fair/freshness';
import { httpClient } from '../http';
import { loadRoute } from '../load';
import { readOptions } from '../options';
import { startProgram } from '../processes';
import type { Reporter } from '../report';
import { atMost, quantile } from '../result';
import type { SendMessage, SentMessage } from '../servers/batch-sender';
import { type Layout, startLayout } from './layout';
import { type StoreUse, storeUse } from './store-use';

const options = readOptions(
  {
    name: 'bench:layout',
    summary: 'Measures API processes behind HAProxy with workers: throughput, CPU time, and a rolling restart.',
    figures: ['events', 'resolve', 'restart'],
  },
  {
    sizes: { default: '1,2,4', meaning: 'numbers of API processes, each with as many workers' },
    events: { default: 100_000, meaning: 'events per size' },
    seconds: { default: 10, meaning: 'seconds per size in which /resolve is measured' },
    load: { default: 70, meaning: 'load during the rolling restart, in percent of the highest rate' },
  },
);
const sizes = options.sizes.split(',').map(Number);
if (sizes.some((size) => !Number.isInteger(size) || size <= 0)) {
  throw new Error('--sizes must be a comma-separated list of positive numbers, such as 1,2,4');
}

const USERS = 10_000;
const RESOLVED_USERS = 1_000;
const CONNECTIONS = 8;
const DRAIN_TIMEOUT_MS = 300_000;
/** Longer than all processes need to stop and start, so that the load lasts for all of the restart. */
const RESTART_SECONDS = 90;
/** How long the load lasts before the restart. The machine's utilization is measured in the second half. */
const STEADY_MS = 10_000;
const RESTARTED = { apis: 3, workers: 4 };
const MAX_FRESHNESS_P99_MS = 500;
/** Long enough that the reads take little of the capacity. */
const POLL_MS = 25;
const MILLION = 1_000_000;

async function send(message: SendMessage): Promise<SentMessage> {
  const sender = await startProgram('test/bench/servers/batch-sender.js', {});
  try {
    return await new Promise<SentMessage>((resolve, reject) => {
      sender.child.on('message', (sent: SentMessage | { type: string }) => {
        if (sent.type === 'sent') resolve(sent as SentMessage);
      });
      sender.child.once('exit', () => reject(new Error('the sender exited, because a connection failed')));
      sender.child.send(message);
    });
  } finally {
    await sender.stop();
  }
}

async function drained({ ctx }: BenchEnvironment, partners: readonly TestPartner[]): Promise<void> {
  for (const { partnerId } of partners) {
    const open = ctx.keys.openChunks(tenantOf(partnerId, 'live'));
    await waitUntil(
      'the events are stored',
      async () => (await ctx.queueLink.client.zcard(open)) === 0,
      DRAIN_TIMEOUT_MS,
    );
  }
}

interface Costs {
  ms: number;
  /** CPU time of all processes on this machine. */
  machineMs: number;
  apiMs: number;
  workerMs: number;
  before: StoreUse;
  after: StoreUse;
}

/** Returns the time in ms that the cores of this machine were busy so far. */
const busyMs = (): number =>
  os.cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0);

async function measure(environment: BenchEnvironment, layout: Layout, work: () => Promise<void>): Promise<Costs> {
  const before = await storeUse(environment);
  const machine = busyMs();
  const [api, worker] = [await layout.cpuMs('api'), await layout.cpuMs('worker')];
  const startedAt = performance.now();
  await work();
  const ms = performance.now() - startedAt;
  return {
    ms,
    machineMs: busyMs() - machine,
    apiMs: (await layout.cpuMs('api')) - api,
    workerMs: (await layout.cpuMs('worker')) - worker,
    before,
    after: await storeUse(environment),
  };
}

/** Reports a rate, and the CPU time, commands and bytes for a million units. */
function report({ add }: Reporter, id: string, name: string, count: number, costs: Costs): void {
  const perMillion = (value: number): number => (value * MILLION) / count;
  const line = (what: string, unit: string, value: number | null): void => {
    if (value === null) return;
    const figure = what.toLowerCase().replaceAll(/[^a-z]+/g, '-');
    add({ id: `${id}-${figure}`, name: `${name}: ${what}`, unit, values: [value], limit: null, sides: [] });
  };
  const { ms, machineMs, apiMs, workerMs, before, after } = costs;
  const change = (of: keyof StoreUse): number | null =>
    after[of] === null || before[of] === null ? null : after[of] - before[of];
  const seconds = (cpu: number | null): number | null => (cpu === null ? null : perMillion(cpu) / 1_000);
  line('rate', 'per second', (count * 1_000) / ms);
  line('CPU of the API per million', 's', seconds(apiMs));
  line('CPU of workers per million', 's', seconds(workerMs));
  line('CPU of Redis per million', 's', seconds(change('redisCpuMs')));
  line('CPU of MongoDB per million', 's', seconds(change('mongoCpuMs')));
  line('CPU of this machine per million', 's', seconds(machineMs));
  line('Redis commands per million', '', perMillion(change('redisCommands')!));
  const bytes = change('mongoBytes');
  line('MongoDB bytes per million', 'MB', bytes === null || bytes <= 0 ? null : perMillion(bytes) / MILLION);
}

function dumpsOf(partners: readonly TestPartner[], events: number): SendMessage['dumps'] {
  return partners.map(({ liveKey }) => ({
    key: liveKey,
    events: Math.ceil(events / partners.length),
    users: Math.ceil(USERS / partners.length),
  }));
}

/** Measures how long the layout takes to accept and store events of some partners. */
async function measureEvents(
  environment: BenchEnvironment,
  layout: Layout,
  events: number,
  partners: readonly TestPartner[] = [environment.partner],
): Promise<Costs> {
  return measure(environment, layout, async () => {
    const dumps = dumpsOf(partners, events);
    await send({ port: layout.port, dumps, connections: CONNECTIONS / partners.length, rate: null });
    await drained(environment, partners);
  });
}

async function measureResolve(environment: BenchEnvironment, layout: Layout): Promise<{ count: number; costs: Costs }> {
  const bodies = Array.from({ length: RESOLVED_USERS }, (_, n) =>
    JSON.stringify({ userExternalId: submitted(n, USERS)['userExternalId'] }),
  );
  const url = `http://127.0.0.1:${layout.port}/v1/resolve`;
  const headers = { 'x-api-key': environment.partner.liveKey };
  let count = 0;
  const costs = await measure(environment, layout, async () => {
    ({ total: count } = await loadRoute({ url, headers, bodies, seconds: options.seconds }));
  });
  return { count, costs };
}

/** Returns the share of this machine's cores that the load keeps busy, in percent. */
async function measureUtilization(): Promise<number> {
  await delay(STEADY_MS / 2);
  const [busy, startedAt] = [busyMs(), performance.now()];
  await delay(STEADY_MS / 2);
  return ((busyMs() - busy) * 100) / ((performance.now() - startedAt) * os.cpus().length);
}

/**
 * Restarts every process under the load of several partners. Reports rejected requests, and the freshness of another
 * partner's single events.
 */
async function measureRestart(environment: BenchEnvironment, reporter: Reporter): Promise<void> {
  const layout = await startLayout(environment.env, RESTARTED);
  const newPartner = (): Promise<TestPartner> => insertPartner(environment.ctx.store, UNLIMITED);
  try {
    const partners = await Promise.all(Array.from({ length: CONNECTIONS }, newPartner));
    // Compiles the hot code.
    await measureEvents(environment, layout, options.events, partners);
    const { ms } = await measureEvents(environment, layout, options.events, partners);
    const rate = Math.floor((options.events * 1_000 * options.load) / (ms * 100));
    reporter.progress(`restarting each process at ${rate} events/s`);
    const client = httpClient(layout.port, 1);
    const dumps = dumpsOf(partners, rate * RESTART_SECONDS);
    const sending = send({ port: layout.port, dumps, connections: 1, rate: rate / partners.length });
    const utilization = await measureUtilization();
    let isOver = false;
    const sampler = createSampler(client, (await newPartner()).liveKey, POLL_MS);
    const sampling = sampleFreshness(sampler, () => isOver);
    await layout.restartEach();
    isOver = true;
    const [samples, sent] = await Promise.all([sampling, sending]);
    client.close();
    await drained(environment, partners);
    const failed = sent.rejected.reduce((sum, count) => sum + count, 0);
    const name = `rolling restart of ${RESTARTED.apis} API and ${RESTARTED.workers} worker processes at ${options.load}% load`;
    reporter.add({
      id: 'restart-failed',
      name: `${name}: failed requests`,
      unit: '',
      values: [failed],
      limit: atMost(0),
      sides: [],
    });
    const add = (id: string, what: string, unit: string, value: number): void =>
      reporter.add({ id: `restart-${id}`, name: `${name}: ${what}`, unit, values: [value], limit: null, sides: [] });
    const accepted = sent.accepted.reduce((sum, count) => sum + count, 0);
    add('rate', 'events accepted', 'per second', (accepted * 1_000) / sent.ms);
    add('utilization', 'utilization of this machine before the restart', '%', utilization);
    for (const q of [0.5, 0.99]) {
      reporter.add({
        id: `restart-freshness-p${q * 100}`,
        name: `${name}: freshness of another partner's single events, p${q * 100}`,
        unit: 'ms',
        values: [quantile(samples, q)],
        limit: q === 0.99 ? atMost(MAX_FRESHNESS_P99_MS) : null,
        sides: [],
      });
    }
  } finally {
    await layout.stop();
  }
}

runBench({ name: 'bench:layout', options }, async (environment, reporter) => {
  const { selected } = options;
  for (const size of selected.has('events') || selected.has('resolve') ? sizes : []) {
    const layout = await startLayout(environment.env, { apis: size, workers: size });
    try {
      const processes = size === 1 ? '1 API and 1 worker process' : `${size} API and ${size} worker processes`;
      // Compiles the hot code, and caches the users' signals.
      await measureEvents(environment, layout, Math.ceil(options.events / 5));
      if (selected.has('events')) {
        const costs = await measureEvents(environment, layout, options.events);
        report(reporter, `events-${size}`, `events, ${processes}`, options.events, costs);
      }
      if (selected.has('resolve')) {
        const { count, costs } = await measureResolve(environment, layout);
        report(reporter, `resolve-${size}`, `resolves, ${processes}`, count, costs);
      }
    } finally {
      await layout.stop();
    }
  }
  if (selected.has('restart')) await measureRestart(environment, reporter);
});
