import { waitUntil } from '../../support/wait-until';
import { type BenchProcess, startProgram } from '../processes';
import type { Reporter } from '../report';
import { atLeast } from '../result';
import { compare } from '../rounds';
import type { BenchEnvironment } from '../environment';
import { clearAgents, CLOSED_WITHIN_MS, expectExact, expectSealed, grow, isClosed, kill } from './scenarios';
import { options } from './options';

const { agents, rounds } = options;

/** Compares how many agents per second the cascade and the driver loop revoke. */
export async function rate(environment: BenchEnvironment, apis: BenchProcess[], reporter: Reporter): Promise<void> {
  const loop = await startProgram('test/bench/servers/kill-loop.js', environment.env);
  /** Prints each result immediately, because a round takes minutes if deleting its agents is slow. */
  const progress = (side: string, ms: number): number => {
    const perSecond = (agents / ms) * 1000;
    reporter.progress(`    ${side}: ${Math.round(perSecond).toLocaleString('en')} agents/s`);
    return perSecond;
  };
  const ours = async (): Promise<number> => {
    const tree = await grow(environment, agents);
    const worker = await startProgram('workers/main.js', environment.env);
    const startedAt = performance.now();
    const { cascadeId } = await kill(apis[0]!, environment, tree[0]!);
    await waitUntil('the cascade is closed', () => isClosed(environment, cascadeId), CLOSED_WITHIN_MS);
    const ms = performance.now() - startedAt;
    await expectExact(environment, tree[0]!, cascadeId);
    // Waits for sealing to finish, so that sealing does not slow down the deletion or the driver loop.
    await expectSealed(apis[0]!, environment);
    await worker.stop();
    await clearAgents(environment);
    return progress('ours', ms);
  };
  const other = async (): Promise<number> => {
    const tree = await grow(environment, agents);
    const ms = await new Promise<number>((resolve, reject) => {
      loop.child.once('message', (message) => resolve((message as { ms: number }).ms));
      loop.child.once('exit', () => reject(new Error('the driver loop exited')));
      loop.child.send({ rootId: tree[0]!.agentId });
    });
    await clearAgents(environment);
    return progress('driver loop', ms);
  };
  reporter.add(
    await compare(
      {
        id: 'rate',
        name: `cascade of ${agents.toLocaleString('en')} agents / driver-only loop with 1,000 agents per transaction`,
        unit: 'agents/s',
        limit: atLeast(0.8, 0.9),
        rounds,
      },
      ours,
      other,
    ),
  );
  await loop.stop();
}
