import type { ChunkId } from '../../../shared/domain/ids';
import { succeeds, waitUntil } from '../../support/wait-until';
import type { ProxiedStore } from '../environment';
import { activeChunks } from './active-chunks';
import type { Fault, Stage } from './fault';

const AT_ONCE = [0];
const ATTEMPTS = 5;
const PAUSE_MS = 20_000;
const HIT_WITHIN_MS = 4_000;

interface Aim {
  /** The Redis whose writes are paused, so that workers stop at the intended point. */
  paused: ProxiedStore;
  /** Returns whether one of the active chunks has reached that point. */
  isReached: (chunkIds: string[]) => Promise<boolean>;
}

/** Stops the workers at a point between two steps of their work, and kills one of them there. */
async function killAt({ environment, random, note, missed, ended }: Stage, { paused, isReached }: Aim): Promise<void> {
  const worker = random.pick(environment.workers);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    await environment.onRedis((redis) => redis.call('CLIENT', 'PAUSE', PAUSE_MS, 'WRITE'), paused);
    const reached = waitUntil(
      'a worker reaches the point',
      async () => isReached(await activeChunks(environment)),
      HIT_WITHIN_MS,
    );
    const hit = await succeeds(reached);
    if (hit) await worker.kill9();
    await environment.onRedis((redis) => redis.call('CLIENT', 'UNPAUSE'), paused);
    if (!hit) continue;
    ended();
    await worker.start();
    return note(`hit at attempt ${attempt}`);
  }
  missed('no worker reached the point in time');
}

export const AIMED_KILLS: Fault[] = [
  {
    number: 9,
    name: 'killed before cache',
    does: 'kill -9 of a worker after its commit, before it updates the cache (writes to the cache are paused)',
    invariant: 'the watermark does not pass the stale rows, and the next worker refreshes them',
    seconds: AT_ONCE,
    run: (stage) => {
      const { events } = stage.environment.ctx.store;
      return killAt(stage, {
        paused: stage.environment.cache,
        isReached: async (chunkIds) =>
          (await events.model.findOne({ chunkId: { $in: chunkIds as ChunkId[] } }).lean()) !== null,
      });
    },
  },
  {
    number: 10,
    name: 'killed before finalize',
    does: 'kill -9 of a worker after it wrote the receipt, before it removes the open marker (writes to Redis are paused)',
    invariant: 'the chunk is finalized once, and its receipt stays the same',
    seconds: AT_ONCE,
    run: (stage) => {
      const { receipts } = stage.environment.ctx.store;
      return killAt(stage, {
        paused: stage.environment.redis,
        isReached: async (chunkIds) =>
          (await receipts.model.findOne({ _id: { $in: chunkIds as ChunkId[] } }).lean()) !== null,
      });
    },
  },
];
