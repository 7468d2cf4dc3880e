import { waitUntil } from '../../support/wait-until';
import { type BenchProcess, startProgram } from '../processes';
import { compare, describe } from '../rounds';
import type { Stage } from '../stage';
import { CLOSED_WITHIN_MS, closed, expectExact, forget, grow, kill } from './acts';
import { options } from './options';

const { agents, rounds } = options;

/** Agents a second of the cascade and of the driver loop, in turn. */
export async function rate(stage: Stage, apis: BenchProcess[]): Promise<void> {
  const worker = await startProgram('workers/main.js', stage.env);
  const loop = await startProgram('test/bench/servers/kill-loop.js', stage.env);
  const ours = async (): Promise<number> => {
    const tree = await grow(stage, agents);
    const startedAt = performance.now();
    const { cascadeId } = await kill(apis[0]!, stage, tree[0]!);
    await waitUntil('the cascade is closed', () => closed(stage, cascadeId), CLOSED_WITHIN_MS);
    const ms = performance.now() - startedAt;
    await expectExact(stage, tree[0]!, cascadeId);
    await forget(stage);
    return (agents / ms) * 1000;
  };
  const other = async (): Promise<number> => {
    const tree = await grow(stage, agents);
    const ms = await new Promise<number>((resolve, reject) => {
      loop.child.once('message', (message) => resolve((message as { ms: number }).ms));
      loop.child.once('exit', () => reject(new Error('the driver loop ended')));
      loop.child.send({ rootId: tree[0]!.agentId });
    });
    await forget(stage);
    return (agents / ms) * 1000;
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
  await worker.stop();
}
