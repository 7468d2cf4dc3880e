import { setTimeout as delay } from 'node:timers/promises';
import { waitUntil } from '../../support/wait-until';
import { type BenchProcess, startProgram } from '../processes';
import type { BenchEnvironment } from '../environment';
import {
  CLOSED_WITHIN_MS,
  clearAgents,
  expectExact,
  expectSealed,
  formatStatuses,
  grow,
  isClosed,
  keysOf,
  kill,
  statuses,
  successesOf,
  warm,
} from './scenarios';
import { options } from './options';

const { agents, killEveryMs } = options;

/** Kills the worker repeatedly during a large cascade, while calls with the killed agents' keys continue. */
export async function crash(environment: BenchEnvironment, apis: BenchProcess[]): Promise<void> {
  const tree = await grow(environment, agents);
  const keys = keysOf(tree);
  await warm(apis, keys);
  let worker = await startProgram('workers/main.js', environment.env);
  const startedAt = performance.now();
  const { cascadeId } = await kill(apis[0]!, environment, tree[0]!);
  let kills = 0;
  const state = { over: false };
  const killer = (async () => {
    for (;;) {
      await delay(killEveryMs);
      if (state.over || (await isClosed(environment, cascadeId))) return;
      worker.child.kill('SIGKILL');
      kills += 1;
      worker = await startProgram('workers/main.js', environment.env);
    }
  })();
  const statusCounts = new Map<number, number>();
  const caller = (async () => {
    do {
      for (const [status, n] of await statuses(apis, keys))
        statusCounts.set(status, (statusCounts.get(status) ?? 0) + n);
    } while (!state.over);
  })();
  await waitUntil('the cascade is closed', () => isClosed(environment, cascadeId), CLOSED_WITHIN_MS);
  const seconds = (performance.now() - startedAt) / 1000;
  state.over = true;
  await Promise.all([killer, caller]);
  await expectSealed(apis[0]!, environment);
  await worker.stop();
  const successes = successesOf(statusCounts);
  console.log(
    `kill -9 of the worker every ${killEveryMs / 1000} s: ${kills} kills, closed after ${seconds.toFixed(1)} s\n` +
      `    ${keys.length} keys on ${apis.length} APIs after the 202: ${formatStatuses(statusCounts)}; ${successes} successful`,
  );
  await expectExact(environment, tree[0]!, cascadeId);
  if (successes > 0) throw new Error(`${successes} calls succeeded after the 202`);
  await clearAgents(environment);
}
