import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseInfo } from '../../../shared/redis/info';
import type { BenchEnvironment } from '../environment';

const CLOCK_TICKS_PER_SECOND = 100;
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/** What the stores have used so far. Null if the server does not report it. */
export interface StoreUse {
  redisCpuMs: number;
  redisCommands: number;
  mongoCpuMs: number | null;
  /** Data and indexes of the benchmark's database. */
  mongoBytes: number | null;
}

/** Returns the CPU time of the process that listens on a port of this machine. Requires Linux and `ss`. */
function cpuMsOfPort(port: number): number | null {
  try {
    const sockets = execFileSync('ss', ['-Hltnp', `sport = :${port}`], { encoding: 'utf8' });
    const pid = /pid=(\d+)/.exec(sockets)?.[1];
    if (pid === undefined) return null;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ((Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])) * 1_000) / CLOCK_TICKS_PER_SECOND;
  } catch {
    return null;
  }
}

export async function storeUse({ ctx, env }: BenchEnvironment): Promise<StoreUse> {
  const redis = ctx.queueLink.primaryOf(ctx.keys.reservations(0));
  const info = parseInfo(await redis.info());
  const stats = await ctx.store.connection.db!.stats().catch(() => null);
  const size = (name: 'dataSize' | 'indexSize'): number => Number(stats?.[name] ?? 0);
  return {
    redisCpuMs: (Number(info('used_cpu_user')) + Number(info('used_cpu_sys'))) * 1_000,
    redisCommands: Number(info('total_commands_processed')),
    mongoCpuMs: cpuMsOfPort(Number(new URL(env['MONGO_URL']!).port)),
    mongoBytes: stats === null ? null : size('dataSize') + size('indexSize'),
  };
}
