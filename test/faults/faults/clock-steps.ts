import path from 'node:path';
import { findFaketime, setOffset, shiftedEnv } from '../clock';
import type { Fault, Stage } from './fault';

const HOUR_SECONDS = 3_600;
/** Processes notice a new offset within a second. */
const NOTICED_SECONDS = 2;

async function stepClock(stage: Stage): Promise<void> {
  const { environment, random, note, hold, afterRecovery } = stage;
  const { redis, processes, folder } = environment;
  const target = random.pick(['Redis', 'MIR', 'Redis and MIR'] as const);
  const offset = random.pick([HOUR_SECONDS, -HOUR_SECONDS]);
  note(`${target}, ${offset > 0 ? '+' : '-'}1 h and back`);
  const offsetFile = path.join(folder, 'clock-offset');
  setOffset(offsetFile, 0);
  const restartRedis = async (file: string | null): Promise<void> => {
    if (target === 'MIR') return;
    environment.shiftRedisClock(file);
    await redis.server.stop();
    await redis.server.restart();
  };
  const restartMir = async (env: Record<string, string>): Promise<void> => {
    if (target === 'Redis') return;
    for (const process of processes) {
      await process.stop();
      await process.start(env);
    }
  };
  await restartRedis(offsetFile);
  await restartMir(shiftedEnv(findFaketime()!, offsetFile));
  setOffset(offsetFile, offset);
  await hold();
  setOffset(offsetFile, 0);
  await hold(NOTICED_SECONDS);
  afterRecovery(async () => {
    await restartRedis(null);
    await restartMir({});
  });
}

export const CLOCK_STEPS: Fault[] = [
  {
    number: 25,
    name: 'clock steps',
    does: 'the clock of Redis, of MIR or of both steps by ±1 h for 5–20 s, and back (libfaketime)',
    invariant: 'no accepted event is erased or lost, and watermarks stay consistent',
    seconds: { from: 5, to: 20 },
    unavailable: () => (findFaketime() ? null : 'libfaketime is not installed (Debian package faketime)'),
    run: stepClock,
  },
];
