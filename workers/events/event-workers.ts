import type { Job, Worker } from 'bullmq';
import type { ChunkId, Tenant } from '../../shared/domain/ids';
import { EVENT_QUEUES, type EventLane } from '../../shared/queue/event-chunk';
import type { ShardQueue } from '../../shared/queue/event-shards';
import type { TenantChunk } from '../../shared/queue/finalize-chunks';
import type { StartQueueWorker } from '../queue-worker';
import { createJobsInHand } from './jobs-in-hand';
import { eventsIn, processChunk, type ProcessChunkDeps, RETRY_AFTER_MS } from './process-chunk';

/** Maximum number of interactive chunks that one process has in hand. Each contains few events. */
const INTERACTIVE_CONCURRENCY = 64;

/** The workers of one lane, one for each shard. */
interface Lane {
  name: EventLane;
  /** Maximum number of jobs that the workers have in hand together. */
  limit: number;
  workers: Map<number, { worker: Worker; inHand: number }>;
  onJob(job: Job): void;
}

/** Divides a lane's limit among the shards that have jobs. Any other shard may take at least one. */
function divideLimit({ limit, workers }: Lane): void {
  const all = [...workers.values()];
  const busy = all.filter(({ inHand }) => inHand > 0).length;
  const each = Math.max(1, Math.floor(limit / Math.max(1, busy)));
  for (const { worker } of all) if (worker.concurrency !== each) worker.concurrency = each;
}

export interface EventWorkers {
  /** Starts the workers of both lanes for each of these shards that has none. */
  start(shards: readonly number[]): void;
  all(): Worker[];
  /** Stops taking jobs and waits for the active jobs to finish. */
  close(): Promise<void>;
}

/** Creates the workers that process queued events. `fullJobs` is the maximum number of full bulk jobs in hand. */
export function createEventWorkers(deps: {
  start: StartQueueWorker;
  chunkDeps: Omit<ProcessChunkDeps, 'lane' | 'shard'>;
  lockOptions: { lockMs: number; stalledCheckMs: number };
  fullJobs: number;
  boundDeadLetters: (queue: ShardQueue, job: Job) => Promise<void>;
  forgetChunk: (chunk: TenantChunk) => Promise<void>;
}): EventWorkers {
  const { start, chunkDeps, lockOptions, fullJobs, boundDeadLetters, forgetChunk } = deps;
  const jobsInHand = createJobsInHand(fullJobs);
  const lanes: Lane[] = [
    { name: 'interactive', limit: INTERACTIVE_CONCURRENCY, workers: new Map(), onJob: () => undefined },
    {
      name: 'bulk',
      limit: fullJobs,
      workers: new Map(),
      onJob(job) {
        this.limit = jobsInHand.limitAfter(eventsIn(job));
      },
    },
  ];
  let isClosing = false;

  const startWorker = (lane: Lane, shard: number): void => {
    const queue = EVENT_QUEUES[lane.name];
    const process = async (job: Job, token?: string): Promise<void> => {
      lane.onJob(job);
      own.inHand += 1;
      divideLimit(lane);
      try {
        await processChunk({ ...chunkDeps, lane: lane.name, shard }, job, token);
      } finally {
        own.inHand -= 1;
        divideLimit(lane);
      }
    };
    const options = { shard, concurrency: lane.limit, ...lockOptions, maxDelayMs: RETRY_AFTER_MS };
    const own = { worker: start(queue, process, options), inHand: 0 };
    own.worker.on('failed', (job) => {
      if (job?.finishedOn !== undefined) void boundDeadLetters({ queue: queue.name, shard }, job);
    });
    own.worker.on('completed', ({ id, data }) => {
      void forgetChunk({ chunkId: id as ChunkId, tenant: (data as { tenant: Tenant }).tenant });
    });
    lane.workers.set(shard, own);
  };

  const all = (): Worker[] => lanes.flatMap(({ workers }) => [...workers.values()].map(({ worker }) => worker));
  return {
    start(shards) {
      if (isClosing) return;
      for (const lane of lanes) {
        for (const shard of shards) if (!lane.workers.has(shard)) startWorker(lane, shard);
      }
    },
    all,
    close: async () => {
      isClosing = true;
      await Promise.all(all().map((worker) => worker.close()));
    },
  };
}
