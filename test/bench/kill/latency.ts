import { tagOf } from '../../../shared/domain/ids';
import type { GrownAgent } from '../../support/grow-tree';
import type { BenchProcess } from '../processes';
import type { Reporter } from '../report';
import { atMost, quantile } from '../result';
import { compare } from '../rounds';
import type { BenchEnvironment } from '../environment';
import {
  clearAgents,
  formatStatuses,
  grow,
  keysOf,
  kill,
  refillControlBudget,
  statuses,
  successesOf,
  warm,
} from './scenarios';
import { options } from './options';
import { rawCollection } from '../../support/raw-collection';

const SMALL = 10;

/** Undoes a kill that no worker has started to process, so that the same tree can be killed again. */
async function revive({ ctx, partner }: BenchEnvironment, root: GrownAgent): Promise<void> {
  await rawCollection(ctx.store.agents.model).updateOne({ _id: root.agentId }, { $set: { killedAt: null } });
  await ctx.store.cascades.model.collection.deleteMany({});
  await ctx.queues.cascades.obliterate({ force: true });
  await ctx.queueLink.client.del(ctx.keys.node(tagOf(partner.partnerId), root.agentId));
  await refillControlBudget({ ctx, partner });
}

/**
 * Compares the latencies of killing a large tree and a small tree, on each API in turn and without a worker. Before
 * each kill, caches all sampled keys on every API. After each kill, calls every API with each sampled key of the killed
 * tree.
 */
export async function latency(environment: BenchEnvironment, apis: BenchProcess[], reporter: Reporter): Promise<void> {
  const trees = { big: await grow(environment, options.agents), small: await grow(environment, SMALL) };
  const statusCounts = new Map<number, number>();
  let kills = 0;
  const one = async (tree: GrownAgent[], api: BenchProcess): Promise<number> => {
    const [root, keys] = [tree[0]!, keysOf(tree)];
    // Caches the keys of both trees, so that the APIs do the same work before every kill.
    await warm(apis, [...keysOf(trees.big), ...keysOf(trees.small)]);
    const { ms } = await kill(api, environment, root);
    for (const [status, n] of await statuses(apis, keys)) statusCounts.set(status, (statusCounts.get(status) ?? 0) + n);
    await revive(environment, root);
    return ms;
  };
  const next = (tree: GrownAgent[]) => (): Promise<number> => one(tree, apis[Math.floor(kills++ / 2) % apis.length]!);
  // Does not measure the first kills in each process: they are slower, because the process still compiles code and
  // opens connections.
  for (const api of apis) for (const tree of [trees.small, trees.big]) await one(tree, api);
  const figure = await compare(
    {
      id: 'latency',
      name: `kill latency: tree of ${options.agents.toLocaleString('en')} agents / tree of ${SMALL}`,
      unit: 'ms',
      limit: atMost(1.5, 1.2),
      rounds: options.killPairs,
      sides: ['large tree', 'small tree'],
    },
    next(trees.big),
    next(trees.small),
  );
  reporter.add(figure);
  for (const { name, unit, values } of figure.sides) {
    reporter.add({
      id: `latency-${name.replace(' ', '-')}-p99`,
      name: `kill latency: ${name}, p99 of ${values.length.toLocaleString('en')} kills`,
      unit,
      values: [quantile(values, 0.99)],
      limit: atMost(75, 50),
      sides: [],
    });
  }
  reporter.progress(`    sampled keys on ${apis.length} APIs after each 202: ${formatStatuses(statusCounts)}`);
  reporter.add({
    id: 'latency-successes',
    name: 'calls that succeeded with a sampled key after the 202',
    unit: 'calls',
    values: [successesOf(statusCounts)],
    limit: atMost(0),
    sides: [],
  });
  await clearAgents(environment);
}
