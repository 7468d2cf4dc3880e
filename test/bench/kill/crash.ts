import { setTimeout as delay } from 'node:timers/promises';
import { waitUntil } from '../../support/wait-until';
import { type BenchProcess, startProgram } from '../processes';
import type { BenchEnvironment } from '../environment';
import {
  CLOSED_WITHIN_MS,
  closed,
  expectExact,
  expectSealed,
  forget,
  grow,
  keysOf,
  kill,
  passesOf,
  shown,
  statuses,
  warm,
} from './scenarios';
import { options } from './options';

const { agents, killEveryMs } = options;

/** A big cascade while its worker is killed again and again, and keys are tried all along. */
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
      if (state.over || (await closed(environment, cascadeId))) return;
      worker.child.kill('SIGKILL');
      kills += 1;
      worker = await startProgram('workers/main.js', environment.env);
    }
  })();
  const tried = new Map<number, number>();
  const tryer = (async () => {
    do {
      for (const [status, n] of await statuses(apis, keys)) tried.set(status, (tried.get(status) ?? 0) + n);
    } while (!state.over);
  })();
  await waitUntil('the cascade is closed', () => closed(environment, cascadeId), CLOSED_WITHIN_MS);
  const seconds = (performance.now() - startedAt) / 1000;
  state.over = true;
  await Promise.all([killer, tryer]);
  await expectSealed(apis[0]!, environment);
  await worker.stop();
  const passes = passesOf(tried);
  console.log(
    `kill -9 of the worker every ${killEveryMs / 1000} s: ${kills} kills, closed after ${seconds.toFixed(1)} s\n` +
      `    ${keys.length} keys on ${apis.length} APIs from the 202 on: ${shown(tried)}; passes: ${passes}`,
  );
  await expectExact(environment, tree[0]!, cascadeId);
  if (passes > 0) throw new Error(`${passes} calls passed after the 202`);
  await forget(environment);
}
