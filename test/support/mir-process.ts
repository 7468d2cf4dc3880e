import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../shared/project';

/** The compiled `mir` program. */
export const MIR_PROGRAM = join(projectRoot(), 'dist/deploy/cli/main.js');

/** Runs `mir` in its own process. Unlike `cli`, it also returns everything that Node.js and libraries print. */
export async function runMir(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const options = { env: { ...process.env, NODE_OPTIONS: '', ...env } };
  return promisify(execFile)(process.execPath, [MIR_PROGRAM, ...args], options).then(
    (output) => ({ code: 0, ...output }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  );
}
