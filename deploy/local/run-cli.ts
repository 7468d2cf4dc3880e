import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { messageOf } from '../../shared/errors';
import { failureOf } from './error-facts';

const TIMEOUT_MS = 60_000;

/** The compiled CLI, and the settings with which it runs. */
export interface Cli {
  path: string;
  env: NodeJS.ProcessEnv;
}

/** Runs a command of the CLI and returns the JSON object that it prints. Throws with what it prints on failure. */
export async function runCli({ path, env }: Cli, args: readonly string[], input = ''): Promise<unknown> {
  if (!existsSync(path)) throw new Error(`${path} does not exist; run "npm run build" first`);
  try {
    const running = promisify(execFile)(process.execPath, [path, ...args, '--json'], { env, timeout: TIMEOUT_MS });
    running.child.stdin?.end(input);
    const { stdout } = await running;
    return JSON.parse(stdout.slice(stdout.indexOf('{'), stdout.lastIndexOf('}') + 1));
  } catch (error) {
    throw new Error(failureOf(error).stderr || messageOf(error), { cause: error });
  }
}
