import { afterAll } from '@jest/globals';
import { type Exit, launch, type Program, startProcess, type TestProcess } from './start-process';

/** Returns a function that starts a process. The processes are killed after the last test, even if tests fail. */
export function testProcesses(): (program: Program, env: Record<string, string>) => Promise<TestProcess> {
  const started: TestProcess[] = [];
  afterAll(async () => {
    await Promise.all(started.map((one) => one.kill9()));
  });
  return async (program, env) => {
    const one = await startProcess(program, env);
    started.push(one);
    return one;
  };
}

/** Starts a process that is expected to fail on startup, and returns its exit code, signal and stderr. */
export async function failedStart(program: Program, env: Record<string, string>): Promise<Exit & { stderr: string }> {
  const { child, exit, ready, stderr } = launch(program, env);
  const outcome = await Promise.race([exit, ready.then(() => null)]);
  if (outcome !== null) return { ...outcome, stderr: stderr() };
  child.kill('SIGKILL');
  await exit;
  throw new Error(`the ${program} process started, but should have failed`);
}
