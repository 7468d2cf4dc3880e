import type { FaultEnvironment } from './environment';

const REDIS_FACTS =
  /^(?:redis_version|uptime_in_seconds|used_memory_human|maxmemory_human|loading|aof_last_write_status|role|connected_clients|blocked_clients):.*/gm;
const TIMEOUT_MS = 5_000;

async function within<T>(work: Promise<T>): Promise<T | string> {
  const late = new Promise<string>((resolve) => setTimeout(() => resolve('no response'), TIMEOUT_MS).unref());
  return Promise.race([work.catch((error: unknown) => String(error)), late]);
}

/** Describes the state of all processes and stores, for a run that failed. */
export async function diagnose({ processes, view, onRedis, ctx, redis, mongo }: FaultEnvironment): Promise<string> {
  const counts = await within(view.queue.getJobCounts());
  const info = await within(onRedis((client) => client.info()));
  const ping = await within(ctx.store.ping(TIMEOUT_MS).then(() => 'responds'));
  const logs = processes.map((process) => `--- ${process.name} (port ${process.port()})\n${process.log()}`);
  return [
    `queue: ${JSON.stringify(counts)}`,
    `Redis ${redis.server.isRunning() ? 'runs' : 'has exited'}: ${(info.match(REDIS_FACTS) ?? [info]).join(' ')}`,
    `MongoDB ${mongo.server.isRunning() ? 'runs' : 'has exited'}: ${ping}`,
    ...logs,
  ].join('\n');
}
