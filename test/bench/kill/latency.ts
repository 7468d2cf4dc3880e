import { tagOf } from '../../../shared/domain/ids';
import type { GrownAgent } from '../../support/grow-tree';
import type { BenchProcess } from '../processes';
import { compare, describe } from '../rounds';
import type { BenchEnvironment } from '../environment';
import { forget, grow, keysOf, kill, passesOf, shown, statuses, warm } from './scenarios';
import { options } from './options';
import { rawCollection } from '../../support/raw-collection';

const SMALL = 10;

/** Takes a kill back that no worker has begun with, so that the same tree can be killed again. */
async function revive({ ctx, partner }: BenchEnvironment, root: GrownAgent): Promise<void> {
  await rawCollection(ctx.store.agents.model).updateOne({ _id: root.agentId }, { $set: { killedAt: null } });
  await ctx.store.cascades.model.collection.deleteMany({});
  await ctx.queues.cascades.obliterate({ force: true });
  await ctx.queueLink.client.del(ctx.keys.node(tagOf(partner.partnerId), root.agentId));
}

/**
 * Latency of a kill of a big tree against that of a small one, in turn, on one API after the other, no worker at work;
 * all sampled keys are warm in every API before each kill, and tried on every API after it.
 */
export async function latency(environment: BenchEnvironment, apis: BenchProcess[]): Promise<void> {
  const trees = { big: await grow(environment, options.agents), small: await grow(environment, SMALL) };
  const tried = new Map<number, number>();
  let kills = 0;
  const one = async (tree: GrownAgent[], api: BenchProcess): Promise<number> => {
    const [root, keys] = [tree[0]!, keysOf(tree)];
    // Both kinds meet processes that did the same work just before.
    await warm(apis, [...keysOf(trees.big), ...keysOf(trees.small)]);
    const { ms } = await kill(api, environment, root);
    for (const [status, n] of await statuses(apis, keys)) tried.set(status, (tried.get(status) ?? 0) + n);
    await revive(environment, root);
    return ms;
  };
  const next = (tree: GrownAgent[]) => (): Promise<number> => one(tree, apis[Math.floor(kills++ / 2) % apis.length]!);
  // The first kills of a process are slower: code is compiled, connections are made.
  for (const api of apis) for (const tree of [trees.small, trees.big]) await one(tree, api);
  console.log(
    describe(
      await compare(
        `kill latency, tree of ${options.agents} / tree of ${SMALL}`,
        'ms',
        1.5,
        options.killPairs,
        next(trees.big),
        next(trees.small),
      ),
    ),
  );
  console.log(`    sampled keys on ${apis.length} APIs after each 202: ${shown(tried)}; passes: ${passesOf(tried)}`);
  await forget(environment);
  if (passesOf(tried) > 0) throw new Error('a key passed after the 202');
}
