import type { ProxiedStore } from '../environment';
import type { Fault, Stage } from './fault';

const RANGE = { from: 1, to: 30 };
const START_RANGE = { from: 5, to: 15 };
const MONGO_AWAY_SECONDS = [60];
const POSTPONED_MS = 2_500;

type Pick = (stage: Stage) => ProxiedStore;
const redisOf: Pick = ({ environment }) => environment.redis;
const mongoOf: Pick = ({ environment }) => environment.mongo;

async function killAndRestart(stage: Stage, { server }: ProxiedStore): Promise<void> {
  await server.kill();
  stage.ended();
  await server.restart();
}

/** During an fsync, Redis replies before it writes to its append-only file. It postpones the write by up to 2 s. */
async function killRedis(stage: Stage): Promise<void> {
  const { durability, redis } = stage.environment;
  const killedAtMs = Date.now();
  await killAndRestart(stage, redis);
  if (durability !== 'everysec') return;
  stage.traffic.oracle.mayBeLost.push({ fromMs: killedAtMs - POSTPONED_MS, toMs: Date.now() });
}

const frozen = (store: Pick) => async (stage: Stage) => {
  const { server } = store(stage);
  server.freeze();
  await stage.hold();
  server.thaw();
};

const away = (store: Pick) => async (stage: Stage) => {
  const { server } = store(stage);
  await server.stop();
  await stage.hold();
  stage.ended();
  await server.restart();
};

/** Restarts an API and a worker process during an outage of a store. */
const awayAtStart = (store: Pick) => async (stage: Stage) => {
  const { server } = store(stage);
  const { environment, random } = stage;
  const restarted = [random.pick(environment.apis), random.pick(environment.workers)];
  await server.stop();
  await Promise.all(restarted.map((process) => process.kill9()));
  const starting = Promise.all(restarted.map((process) => process.start()));
  await stage.hold();
  stage.ended();
  await server.restart();
  await starting;
};

export const OUTAGES: Fault[] = [
  {
    number: 5,
    name: 'Redis killed',
    does: 'kill -9 of the queue Redis, then a restart with its append-only file',
    invariant: 'every 202 is in the append-only file; in everysec mode, events of the last 2 s may be lost',
    seconds: [0],
    run: killRedis,
  },
  {
    number: 6,
    name: 'Redis frozen',
    does: 'SIGSTOP of the queue Redis for 1–30 s, then SIGCONT',
    invariant: 'requests are rejected in time, and commands that run late change nothing',
    seconds: RANGE,
    run: frozen(redisOf),
  },
  {
    number: 7,
    name: 'MongoDB killed',
    does: 'kill -9 of MongoDB, then a restart',
    invariant: 'no acknowledged commit is lost or repeated',
    seconds: [0],
    run: (stage) => killAndRestart(stage, stage.environment.mongo),
  },
  {
    number: 8,
    name: 'MongoDB frozen',
    does: 'SIGSTOP of MongoDB for 1–30 s, then SIGCONT',
    invariant: 'events are accepted meanwhile, and stored once afterward',
    seconds: RANGE,
    run: frozen(mongoOf),
  },
  {
    number: 12,
    name: 'Redis away',
    does: 'the queue Redis is stopped for 3, 7 or 60 s',
    invariant: 'requests are rejected, and accepted events remain',
    seconds: [3, 7, 60],
    run: away(redisOf),
  },
  {
    number: 13,
    name: 'Redis away at start',
    does: 'an API and a worker start while the queue Redis is stopped for 5–15 s',
    invariant: 'they start once Redis is back',
    seconds: START_RANGE,
    run: awayAtStart(redisOf),
  },
  {
    number: 14,
    name: 'MongoDB away',
    does: 'MongoDB is stopped for 60 s',
    invariant: 'events are accepted meanwhile, and stored once afterward',
    seconds: MONGO_AWAY_SECONDS,
    run: away(mongoOf),
  },
  {
    number: 15,
    name: 'MongoDB away at start',
    does: 'an API and a worker start while MongoDB is stopped for 5–15 s',
    invariant: 'they start once MongoDB is back',
    seconds: START_RANGE,
    run: awayAtStart(mongoOf),
  },
];
