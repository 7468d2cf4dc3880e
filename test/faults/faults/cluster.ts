import { shardQueues, currentShards } from '../../../shared/queue/event-shards';
import { onServer } from '../../support/failover';
import type { OpenedStore } from '../../support/own-store';
import type { RedisCluster } from '../../support/redis-cluster';
import { waitUntil } from '../../support/wait-until';
import type { Fault, Stage } from './fault';

const PROMOTED_WITHIN_MS = 60_000;
/** How long ago an event may have been received that the replica does not have yet. */
const REPLICATION_LAG_MS = 1_000;
/** Slots that are moved in addition to those of the event queues. */
const MOVED_SLOTS = 300;
const BETWEEN_KILLS_SECONDS = 5;

const needsCluster: Fault['unavailable'] = ({ cluster }) =>
  cluster === null ? 'only with --cluster, it has a Redis Cluster' : null;

const clusterOf = ({ environment }: Stage): RedisCluster => environment.cluster!;

/** Records that MIR may lose what was received before a primary was killed. */
function mayLose({ environment, traffic }: Stage, killedAtMs: number): void {
  if (environment.durability === 'replicated') return;
  traffic.oracle.mayBeLost.push({ fromMs: killedAtMs - REPLICATION_LAG_MS, toMs: Date.now() });
}

/** Kills a primary and waits until its replica is promoted. */
async function killPrimary(stage: Stage, primary: OpenedStore): Promise<void> {
  const cluster = clusterOf(stage);
  const before = (await cluster.primaries()).length;
  const killedAtMs = Date.now();
  await primary.kill();
  await waitUntil(
    'the replica is promoted',
    async () => (await cluster.primaries()).length === before,
    PROMOTED_WITHIN_MS,
  );
  mayLose(stage, killedAtMs);
  stage.note(`promoted after ${((Date.now() - killedAtMs) / 1_000).toFixed(1)} s`);
}

async function killOne(stage: Stage): Promise<void> {
  const primary = stage.random.pick(await clusterOf(stage).primaries());
  await killPrimary(stage, primary);
  stage.ended();
  await stage.hold();
  await primary.restart();
  await clusterOf(stage).untilComplete();
}

/** Kills two primaries, one after the other, so that both replicas are promoted. */
async function killTwo(stage: Stage): Promise<void> {
  const cluster = clusterOf(stage);
  const killed = stage.random.shuffle(await cluster.primaries()).slice(0, 2);
  for (const primary of killed) {
    await killPrimary(stage, primary);
    await stage.hold(BETWEEN_KILLS_SECONDS);
  }
  stage.ended();
  await stage.hold();
  for (const primary of killed) await primary.restart();
  await cluster.untilComplete();
}

/** Kills two of three primaries at once. Without a majority, no replica is promoted until one of them is back. */
async function killMajority(stage: Stage): Promise<void> {
  const cluster = clusterOf(stage);
  const killed = stage.random.shuffle(await cluster.primaries()).slice(0, 2);
  const killedAtMs = Date.now();
  await Promise.all(killed.map((primary) => primary.kill()));
  await stage.hold();
  stage.ended();
  await Promise.all(killed.map((primary) => primary.restart()));
  await cluster.untilComplete();
  mayLose(stage, killedAtMs);
}

/** Moves the slots of the event queues that a primary has, and others, to another primary. */
async function moveSlots(stage: Stage): Promise<void> {
  const cluster = clusterOf(stage);
  const { keys } = stage.environment.ctx;
  const [from, to] = stage.random.shuffle(await cluster.primaries());
  const all = shardQueues(currentShards(keys));
  const queueSlots = await onServer(from!, (redis) =>
    Promise.all(all.map(({ queue, shard }) => redis.cluster('KEYSLOT', keys.queuePrefix(queue, shard)))),
  );
  const owned = await cluster.slotsOf(from!);
  const hot = queueSlots.filter((slot) => owned.includes(slot));
  const moved = [...new Set([...hot, ...owned.slice(0, MOVED_SLOTS)])];
  await cluster.moveSlots(from!, to!, moved);
  stage.note(`moved ${moved.length} slots, ${hot.length} of them with event queues`);
}

export const CLUSTER_FAULTS: Fault[] = [
  {
    number: 32,
    name: 'cluster primary killed',
    does: 'kill -9 of a primary of the Redis Cluster; its replica is promoted',
    invariant: 'only events of the last second before the failover may be lost; none in replicated mode',
    seconds: { from: 2, to: 10 },
    unavailable: needsCluster,
    run: killOne,
  },
  {
    number: 33,
    name: 'two cluster primaries killed',
    does: 'kill -9 of two primaries, one after the other; both replicas are promoted',
    invariant: 'as for 32',
    seconds: { from: 2, to: 10 },
    unavailable: needsCluster,
    run: killTwo,
  },
  {
    number: 34,
    name: 'cluster without a majority',
    does: 'kill -9 of two primaries at once, then a restart; meanwhile the cluster rejects all commands',
    invariant: 'as for 32',
    seconds: { from: 5, to: 15 },
    unavailable: needsCluster,
    run: killMajority,
  },
  {
    number: 35,
    name: 'slots moved',
    does: `the slots of a primary's event queues, and ${MOVED_SLOTS} others, are moved to another primary`,
    invariant: 'no event is lost, and no submission fails for longer than it takes to move one slot',
    seconds: [0],
    unavailable: needsCluster,
    run: moveSlots,
  },
];
