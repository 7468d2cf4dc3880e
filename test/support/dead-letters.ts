import { UnrecoverableError, Worker } from 'bullmq';
import type { Harness } from './harness';
import { waitUntil } from './wait-until';
import { workerLink } from './worker-link';

/** Turns a waiting job of the events queue into a dead letter. No other worker of this queue may run. */
export async function makeDeadLetter({ ctx, env }: Pick<Harness, 'ctx' | 'env'>, jobId: string): Promise<void> {
  const queue = ctx.queues.events;
  const link = workerLink(env);
  const fail = (): never => {
    throw new UnrecoverableError('failed by the test');
  };
  const failing = new Worker(queue.name, fail, { ...link.bullmq, prefix: queue.opts.prefix! });
  await waitUntil('the job has failed', async () => (await queue.getJob(jobId))?.isFailed() ?? false);
  await failing.close();
  await link.close();
}
