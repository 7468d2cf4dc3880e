import * as fc from 'fast-check';
import type { Cluster } from './cluster';
import { type Command, commands } from './commands';
import type { Tally } from './tally';
import { openWorld, Violation } from './world';

/** Partners that are tested at the same time. */
const LANES = 6;
/** Time after which a failing sequence of commands is no longer shortened. */
const MAX_SHRINKING_MS = 60_000;

export interface ModelRun {
  cluster: Cluster;
  tally: Tally;
  /** The first seed. Each partner has a seed of its own: this one, the next one, and so on. */
  seed: number;
  /** Minimum number of operations and probes. */
  steps: number;
  /** Called after each partner with the next unused seed. */
  onProgress?: (nextSeed: number) => void;
}

/** Describes a failure: how to repeat it, what happened, and the shortest commands that led to it. */
function describeFailure(
  { seed, counterexample, errorInstance, numShrinks }: fc.RunDetails<[Command[]]>,
  steps: number,
): string {
  const [sequence = []] = counterexample ?? [];
  return [
    `The product differs from the model after ${steps} steps. Repeat with seed ${seed}.`,
    errorInstance instanceof Violation ? errorInstance.message : String((errorInstance as Error).stack),
    `Commands, shortened ${numShrinks} times:`,
    ...sequence.map((command) => `  ${JSON.stringify(command)}`),
  ].join('\n');
}

/**
 * Runs random commands for one partner after another, in several lanes, until enough steps are done. Throws an error
 * with the seed and the shortest failing commands if the product does what the model forbids. Returns the next unused
 * seed.
 */
export async function runModel({ cluster, tally, seed, steps, onProgress = () => {} }: ModelRun): Promise<number> {
  let nextSeed = seed;
  let failure: { seed: number; atMs: number; steps: number; isSettled: boolean } | null = null;

  const testPartner = async (ownSeed: number): Promise<void> => {
    const property = fc.asyncProperty(commands, async (sequence: Command[]) => {
      // Once a sequence has failed, it is shortened for a while, without other partners.
      const isOver = () =>
        failure !== null && (failure.seed !== ownSeed || performance.now() - failure.atMs > MAX_SHRINKING_MS);
      if (isOver()) return;
      let isSettled = false;
      try {
        const world = await openWorld(cluster, tally);
        for (const command of sequence) {
          await world.run(command);
          if (isOver()) return;
        }
        isSettled = true;
        if (failure === null || failure.isSettled) await world.settle();
      } catch (error) {
        failure ??= { seed: ownSeed, atMs: performance.now(), steps: tally.steps(), isSettled };
        if (failure.seed === ownSeed) throw error;
      }
    });
    const details = await fc.check(property, { seed: ownSeed, numRuns: 1 });
    if (details.failed) throw new Error(describeFailure(details, failure!.steps));
    onProgress(nextSeed);
  };

  const lane = async (): Promise<void> => {
    const isDone = () => tally.steps() >= steps || failure !== null;
    while (!isDone()) {
      nextSeed += 1;
      await testPartner(nextSeed - 1);
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: LANES }, lane));
  const failed = lanes.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return nextSeed;
}
