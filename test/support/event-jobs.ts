import type { Job, JobType, Queue } from 'bullmq';
import { currentShards, shardQueues } from '../../shared/queue/event-shards';
import type { RedisKeys } from '../../shared/redis/keys';
import type { InspectedQueues } from '../../shared/queue/queues';

/** The event queues of both lanes and all shards, read and managed as if they were one. Added jobs go to the interactive lane. */
export interface EventJobs {
  pause(): Promise<void>;
  resume(): Promise<void>;
  add: Queue['add'];
  getJob(id: string): Promise<Job | undefined>;
  getJobs(types: JobType[]): Promise<Job[]>;
  getJobCounts(...types: JobType[]): Promise<Record<string, number>>;
  getActiveCount(): Promise<number>;
  getFailed(): Promise<Job[]>;
  getFailedCount(): Promise<number>;
  /** Deletes all failed jobs. */
  deleteFailed(): Promise<void>;
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

function eventJobs(queues: readonly Queue[]): EventJobs {
  const onAll = <T>(work: (queue: Queue) => Promise<T>): Promise<T[]> => Promise.all(queues.map(work));
  return {
    pause: async () => void (await onAll((queue) => queue.pause())),
    resume: async () => void (await onAll((queue) => queue.resume())),
    add: (...args) => queues[0]!.add(...args),
    getJob: async (id) => (await onAll((queue) => queue.getJob(id))).find((job) => job),
    getJobs: async (types) => (await onAll((queue) => queue.getJobs(types))).flat(),
    getJobCounts: async (...types) => {
      const [first, ...others] = await onAll((queue) => queue.getJobCounts(...types));
      return Object.fromEntries(
        Object.entries(first!).map(([state, count]) => [
          state,
          sum([count, ...others.map((counts) => counts[state]!)]),
        ]),
      );
    },
    getActiveCount: async () => sum(await onAll((queue) => queue.getActiveCount())),
    getFailed: async () => (await onAll((queue) => queue.getFailed())).flat(),
    getFailedCount: async () => sum(await onAll((queue) => queue.getFailedCount())),
    deleteFailed: async () => void (await onAll((queue) => queue.clean(0, 0, 'failed'))),
  };
}

/** Returns the event queues of an API. */
export function eventJobsOf({ queues, keys }: { queues: InspectedQueues; keys: RedisKeys }): EventJobs {
  return eventJobs(shardQueues(currentShards(keys)).map(({ queue, shard }) => queues.ofShard(queue, shard)));
}
