import { setTimeout as delay } from 'node:timers/promises';
import { waitUntil } from '../../support/wait-until';
import { type BenchProcess, startProgram } from '../processes';
import type { Reporter } from '../report';
import { atMost } from '../result';
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

const { agents, killEverySeconds } = options;

/** Kills the worker repeatedly during a large cascade, while calls with the killed agents' keys continue. */
export async function crash(environment: BenchEnvironment, apis: BenchProcess[], reporter: Reporter): Promise<void> {
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
      await delay(killEverySeconds * 1_000);
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
  reporter.progress(`    ${keys.length} keys on ${apis.length} APIs after the 202: ${formatStatuses(statusCounts)}`);
  await expectExact(environment, tree[0]!, cascadeId);
  const every = `worker killed every ${killEverySeconds} s`;
  reporter.add({
    id: 'crash-seconds',
    name: `cascade of ${agents.toLocaleString('en')} agents until CLOSED, ${every}`,
    unit: 's',
    values: [seconds],
    limit: null,
    sides: [{ name: 'after', unit: 'kills', values: [kills] }],
  });
  reporter.add({
    id: 'crash-successes',
    name: `calls that succeeded with a killed key, ${every}`,
    unit: 'calls',
    values: [successesOf(statusCounts)],
    limit: atMost(0),
    sides: [],
  });
  await clearAgents(environment);
}
