import { currentShards } from '../../../shared/queue/event-shards';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tenantOf } from '../../../shared/domain/ids';
import { UNLIMITED } from '../../bench/environment';
import { insertPartner } from '../../support/harness';
import { waitUntil } from '../../support/wait-until';
import { MAX_MEMORY_BYTES } from '../environment';
import type { ExpectedPartner } from '../oracle/oracle';
import { submit } from '../traffic/submit';
import type { Fault, Stage } from './fault';

const MIB = 1024 * 1024;
const BACKLOG_BYTES = 1024 * MIB;
const LARGE_MEMORY_BYTES = 6 * 1024 * MIB;
const LARGE_QUEUE = { MAX_QUEUED_BYTES: String(2 * BACKLOG_BYTES) };
const EVENTS_PER_BATCH = 500;
const NOTE_BYTES = 2_048;
const CLIENTS = 4;
const USERS = 1_000;
const DRAINED_BYTES = 16 * MIB;
const DRAINED_WITHIN_MS = 20 * 60_000;
/** A worker process of MIR uses about 200 MiB under usual load. */
const MAX_WORKER_RSS_BYTES = 1_024 * MIB;

function rssBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1_024;
}

/** Queues events of a new partner until the queue holds 1 GiB. */
async function fillQueue({ environment, traffic }: Stage, queuedBytes: () => Promise<number>): Promise<void> {
  const limits = { ...UNLIMITED.limits, queueSharePercent: 100 };
  const partner = await insertPartner(environment.ctx.store, { limits });
  const tenant = tenantOf(partner.partnerId, 'live');
  const expected: ExpectedPartner = { name: 'backlog', partner, tenant, users: new Map(), lastReceivedAtMs: 0 };
  traffic.oracle.partners.push(expected);
  let batches = 0;
  const client = async (): Promise<void> => {
    while ((await queuedBytes()) < BACKLOG_BYTES) {
      const batch = (batches += 1);
      const events = Array.from({ length: EVENTS_PER_BATCH }, (_, n) => ({
        userExternalId: `u-${(batch * EVENTS_PER_BATCH + n) % USERS}`,
        eventType: 'mir.content.posted',
        idempotencyKey: `backlog-${batch}-${n}`,
        metadata: { note: randomBytes(NOTE_BYTES).toString('base64') },
      }));
      await submit(traffic.deps, { kind: 'backlog', partner: expected, key: partner.liveKey, events, fresh: true });
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

async function drainBacklog(stage: Stage): Promise<void> {
  const { environment, ended, note, report } = stage;
  const { apis, workers, onRedis, ctx, view } = environment;
  const setLimit = (bytes: number) => onRedis((redis) => redis.config('SET', 'maxmemory', String(bytes)));
  const queuedBytes = async (): Promise<number> => {
    const shards = currentShards(ctx.keys).map((shard) => view.redis.get(ctx.keys.reservedBytes(shard)));
    return (await Promise.all(shards)).reduce((sum, bytes) => sum + Number(bytes), 0);
  };
  const restartApis = async (env: Record<string, string>): Promise<void> => {
    for (const api of apis) {
      await api.stop();
      await api.start(env);
    }
  };
  await setLimit(LARGE_MEMORY_BYTES);
  await restartApis(LARGE_QUEUE);
  await Promise.all(workers.map((worker) => worker.stop()));
  await fillQueue(stage, queuedBytes);
  const startedAt = performance.now();
  await Promise.all(workers.map((worker) => worker.start()));
  let highest = 0;
  await waitUntil(
    'the backlog is drained',
    async () => {
      highest = Math.max(highest, ...workers.map((worker) => rssBytes(worker.pid())));
      return (await queuedBytes()) < DRAINED_BYTES;
    },
    DRAINED_WITHIN_MS,
  );
  ended();
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  note(`drained in ${seconds} s, worker memory at most ${Math.round(highest / MIB)} MiB`);
  if (highest > MAX_WORKER_RSS_BYTES) report(`a worker used ${Math.round(highest / MIB)} MiB for a backlog of 1 GiB`);
  await restartApis({});
  await setLimit(MAX_MEMORY_BYTES);
}

export const BACKLOG: Fault[] = [
  {
    number: 29,
    name: 'backlog of 1 GiB',
    does: 'both workers are stopped until 1 GiB of events is queued',
    invariant: `each worker drains it with at most ${MAX_WORKER_RSS_BYTES / MIB} MiB of memory`,
    seconds: [0],
    rare: true,
    run: drainBacklog,
  },
];
