import { UnrecoverableError, Worker } from 'bullmq';
import type { Harness } from './harness';
import { waitUntil } from './wait-until';
import { workerLink } from './worker-link';

/** Turns a waiting job of a shard of the events queue into a dead letter. No other worker of this queue may run. */
export async function makeDeadLetter(
  { ctx, env }: Pick<Harness, 'ctx' | 'env'>,
  jobId: string,
  shard = 0,
): Promise<void> {
  const queue = ctx.queues.ofShard('events', shard);
  const link = workerLink(env);
  const fail = (): never => {
    throw new UnrecoverableError('failed by the test');
  };
  const failing = new Worker(queue.name, fail, { ...link.bullmq, prefix: queue.opts.prefix! });
  // On a cluster, BullMQ reports an error when the connection ends.
  failing.on('error', () => undefined);
  await waitUntil('the job has failed', async () => (await queue.getJob(jobId))?.isFailed() ?? false);
  await failing.close();
  await link.close();
}
