import { waitUntil } from '../../support/wait-until';
import { type BenchProcess, startProgram } from '../processes';
import { compare, describe } from '../rounds';
import type { BenchEnvironment } from '../environment';
import { CLOSED_WITHIN_MS, closed, expectExact, expectSealed, forget, grow, kill } from './scenarios';
import { options } from './options';

const { agents, rounds } = options;

/** Agents a second of the cascade and of the driver loop, in turn. */
export async function rate(environment: BenchEnvironment, apis: BenchProcess[]): Promise<void> {
  const loop = await startProgram('test/bench/servers/kill-loop.js', environment.env);
  /** Told at once: a round at this size takes minutes where deleting its agents is slow. */
  const told = (side: string, ms: number): number => {
    const perSecond = (agents / ms) * 1000;
    console.log(`    ${side}: ${Math.round(perSecond).toLocaleString('en')} agents/s`);
    return perSecond;
  };
  const ours = async (): Promise<number> => {
    const tree = await grow(environment, agents);
    const worker = await startProgram('workers/main.js', environment.env);
    const startedAt = performance.now();
    const { cascadeId } = await kill(apis[0]!, environment, tree[0]!);
    await waitUntil('the cascade is closed', () => closed(environment, cascadeId), CLOSED_WITHIN_MS);
    const ms = performance.now() - startedAt;
    await expectExact(environment, tree[0]!, cascadeId);
    // Neither the deletion nor the driver loop shall meet the sealer at work.
    await expectSealed(apis[0]!, environment);
    await worker.stop();
    await forget(environment);
    return told('ours', ms);
  };
  const other = async (): Promise<number> => {
    const tree = await grow(environment, agents);
    const ms = await new Promise<number>((resolve, reject) => {
      loop.child.once('message', (message) => resolve((message as { ms: number }).ms));
      loop.child.once('exit', () => reject(new Error('the driver loop ended')));
      loop.child.send({ rootId: tree[0]!.agentId });
    });
    await forget(environment);
    return told('driver loop', ms);
  };
  console.log(
    describe(
      await compare(
        `cascade of ${agents} / driver-only loop of 1,000 a transaction`,
        'agents/s',
        0.8,
        rounds,
        ours,
        other,
      ),
    ),
  );
  await loop.stop();
}
