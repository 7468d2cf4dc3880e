import type { TcpProxy } from '../../support/open-tcp-proxy';
import type { Fault, Stage } from './fault';

const LATENCY_MS = 5_000;
const RANGE = { from: 5, to: 30 };

/** Chooses the store whose connections fail. */
function chooseProxy({ environment, random, note }: Stage): TcpProxy {
  const name = random.pick(['redis', 'cache', 'mongo'] as const);
  note(name);
  return environment[name].proxy;
}

async function delayed(stage: Stage, proxy: TcpProxy): Promise<void> {
  proxy.delayResponses(LATENCY_MS);
  await stage.hold();
  proxy.delayResponses(0);
}

/** MongoDB's error code for writes on a server that blocks them. */
const WRITES_BLOCKED = { ok: 0, code: 371, codeName: 'UserWritesBlocked', errmsg: 'User writes blocked' };
const NOT_PRIMARY = { ok: 0, code: 10_107, codeName: 'NotWritablePrimary', errmsg: 'not primary' };
const WRITES = new Set(['insert', 'update', 'delete', 'findAndModify', 'bulkWrite']);
/** Commands with which drivers watch a server. A secondary also responds to them. */
const HANDSHAKES = new Set(['hello', 'isMaster', 'ismaster', 'ping', 'endSessions']);

export const CONNECTION_FAULTS: Fault[] = [
  {
    number: 16,
    name: 'connections stall',
    does: 'the open connections to Redis, the cache or MongoDB deliver nothing for 5–30 s, then everything',
    invariant: 'what arrives late changes nothing twice',
    seconds: RANGE,
    run: async (stage) => {
      const proxy = chooseProxy(stage);
      proxy.stall();
      await stage.hold();
      proxy.resume();
    },
  },
  {
    number: 17,
    name: 'connections half-open',
    does: 'the open connections to Redis, the cache or MongoDB lose all traffic and never close',
    invariant: 'processes notice and reconnect by themselves',
    seconds: [0],
    run: async (stage) => {
      chooseProxy(stage).dropTraffic();
    },
  },
  {
    number: 18,
    name: 'connections reset',
    does: 'the open connections to Redis, the cache or MongoDB are reset, several times',
    invariant: 'commands with a lost reply are not run twice with a different result',
    seconds: [3, 5],
    run: async (stage) => {
      const proxy = chooseProxy(stage);
      for (let n = 0; n < stage.seconds; n += 1) {
        proxy.reset();
        await stage.hold(1);
      }
    },
  },
  {
    number: 19,
    name: 'latency of 5 s',
    does: 'each response of Redis or MongoDB is delayed by 5 s, for 5–30 s',
    invariant: 'requests are rejected in time, and nothing is accepted that is not stored',
    seconds: RANGE,
    run: async (stage) => {
      const name = stage.random.pick(['redis', 'mongo'] as const);
      stage.note(name);
      await delayed(stage, stage.environment[name].proxy);
    },
  },
  {
    number: 23,
    name: 'MongoDB read-only',
    does: 'MongoDB blocks all writes (code 371, from the proxy) for 5–30 s',
    invariant: 'no event is reported as FAILED; all are stored afterward',
    seconds: RANGE,
    run: async ({ environment, hold }) => {
      environment.mongo.proxy.respondWith((command) => (WRITES.has(command) ? WRITES_BLOCKED : null));
      await hold();
      environment.mongo.proxy.respondWith(null);
    },
  },
  {
    number: 24,
    name: 'MongoDB not primary',
    does: 'MongoDB responds "not primary" (code 10107, from the proxy) to all commands for 5–30 s',
    invariant: 'no event is reported as FAILED; all are stored afterward',
    seconds: RANGE,
    run: async ({ environment, hold }) => {
      environment.mongo.proxy.respondWith((command) => (HANDSHAKES.has(command) ? null : NOT_PRIMARY));
      await hold();
      environment.mongo.proxy.respondWith(null);
    },
  },
];
