import { type Info, parseInfo } from '../../../shared/redis/info';
import { waitUntil } from '../../support/wait-until';
import { MAX_MEMORY_BYTES } from '../environment';
import type { Fault, Stage } from './fault';

const RANGE = { from: 5, to: 20 };
const REWRITTEN_WITHIN_MS = 60_000;
const MIB = 1024 * 1024;

async function fullMemory({ environment, random, note, hold }: Stage): Promise<void> {
  const setLimit = (bytes: number): Promise<unknown> =>
    environment.onRedis((redis) => redis.config('SET', 'maxmemory', String(bytes)));
  const info = await environment.onRedis((redis) => redis.info('memory'));
  const used = Number(/^used_memory:(\d+)/m.exec(info)![1]);
  const spare = random.pick([-MIB, MIB]);
  note(spare < 0 ? 'over the limit' : '1 MiB below the limit');
  await setLimit(used + spare);
  await hold();
  await setLimit(MAX_MEMORY_BYTES);
}

async function fullRedisDisk({ environment, hold, note, afterRecovery }: Stage): Promise<void> {
  const { disk, server } = environment.redis;
  const persistence = async (): Promise<Info> =>
    parseInfo(await environment.onRedis((redis) => redis.info('persistence')));
  const rewrites = (await persistence())('aof_rewrites');
  await disk!.fill();
  await hold();
  const hadErrors = server.isRunning() && (await persistence())('aof_last_write_status') === 'err';
  disk!.free();
  if (!server.isRunning()) {
    note('the server exited');
    return server.restart();
  }
  if (!hadErrors) return;
  // Until a worker has had the file rewritten, the server may not be able to restart (see the runbook).
  afterRecovery(() =>
    waitUntil(
      'the append-only file is rewritten',
      async () => {
        const info = await persistence();
        return info('aof_rewrites') !== rewrites && info('aof_rewrite_in_progress') === '0';
      },
      REWRITTEN_WITHIN_MS,
    ),
  );
}

/**
 * MongoDB exits if it cannot write to its disk. Its stand-in reports internal errors instead, so it is killed when the
 * disk is full.
 */
async function fullMongoDisk({ environment, hold, ended, note }: Stage): Promise<void> {
  const { disk, server } = environment.mongo;
  const isStandIn = server.description.startsWith('secantusd');
  if (isStandIn) server.freeze();
  await disk!.fill();
  if (isStandIn) await server.kill();
  await hold();
  disk!.free();
  ended();
  if (server.isRunning()) note('the server kept running');
  else await server.restart();
}

export const FULL_STORES: Fault[] = [
  {
    number: 20,
    name: 'Redis full',
    does: 'the memory limit of the queue Redis is lowered to what is used, for 5–20 s',
    invariant: 'accepted events remain, and workers resume by themselves',
    seconds: RANGE,
    run: fullMemory,
  },
  {
    number: 21,
    name: 'full disk of Redis',
    does: 'the disk with the append-only file is full for 5–20 s',
    invariant: 'nothing is accepted that Redis cannot write, and writes resume by themselves',
    seconds: RANGE,
    unavailable: ({ redis }) => (redis.disk ? null : redis.noDisk),
    run: fullRedisDisk,
  },
  {
    number: 28,
    name: 'full disk of MongoDB',
    does: 'the disk of MongoDB is full for 5–20 s; the server is restarted if it exits',
    invariant: 'no event is reported as FAILED; all are stored afterward',
    seconds: RANGE,
    unavailable: ({ mongo }) => (mongo.disk ? null : mongo.noDisk),
    run: fullMongoDisk,
  },
];
