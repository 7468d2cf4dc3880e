import type { Queue } from 'bullmq';
import { cascadesQueue } from './cascade-queue';
import { KEEP_DEAD_LETTERS } from './define-queue';
import { bulkEventsQueue, eventsQueue } from './event-chunk';
import { mailsQueue } from './mail-queue';
import { erasuresQueue, webhooksQueue } from './wake-up-queue';

/** Every queue. Metrics, the console, `mir doctor` and the dead-letter commands use this list. */
export const QUEUES = [eventsQueue, bulkEventsQueue, cascadesQueue, webhooksQueue, erasuresQueue, mailsQueue] as const;

type Definition = (typeof QUEUES)[number];
export type QueueName = Definition['name'];

export const QUEUE_NAMES: readonly QueueName[] = QUEUES.map(({ name }) => name);

type DeadLetterDefinition = Extract<Definition, { options: { removeOnFail: typeof KEEP_DEAD_LETTERS } }>;
/** A queue that keeps dead letters. Jobs in the other queues are wake-ups or emails, which are not kept. */
export type DeadLetterQueue = DeadLetterDefinition['name'];

function keepsDeadLetters(queue: Definition): queue is DeadLetterDefinition {
  return queue.options.removeOnFail === KEEP_DEAD_LETTERS;
}

export const DEAD_LETTER_QUEUES: readonly DeadLetterQueue[] = QUEUES.filter(keepsDeadLetters).map(({ name }) => name);

/** Every queue by name, opened for reading and managing jobs. */
export type InspectedQueues = Readonly<Record<QueueName, Queue>> & {
  /** Returns a shard of a queue. By name, only the first shard is available. */
  ofShard(queue: QueueName, shard: number): Queue;
  close(): Promise<void>;
};

/** Opens every queue. The caller closes them. */
export function inspectQueues(deps: Parameters<Definition['inspect']>[0]): InspectedQueues {
  const opened = new Map<string, Queue>();
  const ofShard = (name: QueueName, shard: number): Queue => {
    const key = deps.keys.queuePrefix(name, shard);
    const queue = opened.get(key) ?? QUEUES.find((definition) => definition.name === name)!.inspect({ ...deps, shard });
    opened.set(key, queue);
    return queue;
  };
  const byName = Object.fromEntries(QUEUE_NAMES.map((name) => [name, ofShard(name, 0)]));
  return {
    ...(byName as Record<QueueName, Queue>),
    ofShard,
    close: async () => {
      await Promise.all([...opened.values()].map((queue) => queue.close()));
    },
  };
}
